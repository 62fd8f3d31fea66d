import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import { Alert, Field, Foreign } from '../pages/parts.js';
import { ProviderIcon } from '../pages/provider-icon.js';
import type { WaitingLink } from '../sso-links/sso-link-step.service.js';

/** What the page shows. */
export interface SsoLinkPageProps {
  config: Config;
  ticket: string;
  waiting: WaitingLink;
  /** Why what was sent was not done; anybody can have written it. */
  sentence: string | null;
}

const ACTION = '/api/auth/sso/link';

/** Asks for proof before an identity is linked: whoever has it can sign in from then on. */
export function SsoLinkPage({ config, ticket, waiting, sentence }: SsoLinkPageProps): VNode {
  const { username, provider, hasPassword, via, asksForCode } = waiting;
  return (
    <Document title={`Link ${provider.name}`} config={config}>
      <section class="card">
        <h1>{`Link ${provider.name}?`}</h1>
        <p class="lead">
          {`You will then be able to sign in to @${username} with ${provider.name}. First show that the account is yours.`}
        </p>
        {sentence !== null && (
          <Alert>
            <p>
              <Foreign>{sentence}</Foreign>
            </p>
          </Alert>
        )}
        <form method="post" action={ACTION}>
          <input type="hidden" name="ticket" value={ticket} />
          <input type="hidden" name="username" value={username} autocomplete="username" />
          {hasPassword && (
            <Field
              name="password"
              label="Password"
              type="password"
              autocomplete="current-password"
              required={via.length === 0}
            />
          )}
          {asksForCode && (
            <Field
              name="code"
              label="Code of your second factor"
              autocomplete="one-time-code"
              hint="A backup code will do."
            />
          )}
          {hasPassword && <button type="submit">{`Go on to ${provider.name}`}</button>}
          {via.length > 0 && (
            <ul class="providers">
              {via.map((known) => (
                <li key={known.id}>
                  <button type="submit" name="via" value={known.id} class={hasPassword ? 'button quiet' : 'button'}>
                    <ProviderIcon config={config} provider={known} />
                    {`Show it by signing in with ${known.name}`}
                  </button>
                </li>
              ))}
            </ul>
          )}
          {!hasPassword && via.length === 0 && (
            <p>
              Your account has no password yet. <a href={config.frontend.routes.password_reset}>Set one by mail</a>,
              then come back here.
            </p>
          )}
        </form>
        <p class="aside">
          If you did not ask for this, <a href={config.frontend.routes.home}>leave this page</a>: nothing has changed.
        </p>
      </section>
    </Document>
  );
}

/** Where a link leads that was used, or whose time is over. */
export function LinkOverPage({ config }: { config: Config }): VNode {
  return (
    <Document title="Too late" config={config}>
      <section class="card">
        <h1>Too late</h1>
        <p class="notice problem" role="alert">
          This link was used, or its time is over.
        </p>
        <p class="actions">
          <a class="button" href="/settings/security">
            Start again in the settings
          </a>
        </p>
      </section>
    </Document>
  );
}
