import type { VNode } from 'preact';
import { redirectHost } from '../applications/redirect-uri.js';
import type { OAuthClient } from '../applications/client.js';
import type { OAuthParameters } from '../common/errors.js';
import { Document } from '../common/html-document.js';
import { appendQuery, oauthPairs } from '../common/oauth-redirects.js';
import type { Config } from '../config/config.js';
import type { LoginProblem } from './login-problem.js';
import { Alert, Field, Foreign } from './parts.js';
import { PasskeyForm } from './passkey-form.js';
import { ProviderIcon } from './provider-icon.js';

/** What the login page shows; names and hosts are from our own record, never from the URL. */
export interface LoginPageProps {
  config: Config;
  client: OAuthClient;
  redirectUri: string;
  /** Carried through the forms. */
  parameters: OAuthParameters;
  /** What a form post of ours was answered with. */
  problem: LoginProblem | null;
  /** Whom this browser is signed in as, unless the app wants the password typed again. */
  username: string | null;
  /** For a browser that can use a passkey; null where passkeys cannot work. */
  passkeyOptions: object | null;
}

/** The login form (contract.md §2.3). */
export function LoginPage({
  config,
  client,
  redirectUri,
  parameters,
  problem,
  username,
  passkeyOptions,
}: LoginPageProps): VNode {
  const pairs = oauthPairs(parameters);
  const { sso } = config;
  return (
    <Document title="Sign in" config={config}>
      <section class="card">
        <h1>Sign in</h1>
        <p class="lead">
          to continue to <Foreign>{client.name}</Foreign>{' '}
          <span class="host">
            (<Foreign>{redirectHost(redirectUri)}</Foreign>)
          </span>
        </p>
        {problem && (
          <Alert>
            <p>{problem.words}</p>
            {problem.description !== null && (
              <p class="detail">
                <Foreign>{problem.description}</Foreign>
              </p>
            )}
          </Alert>
        )}
        {username !== null && (
          <>
            <form method="post" action={appendQuery('/api/auth/continue', pairs)}>
              <button type="submit">{`Continue as @${username}`}</button>
            </form>
            <p class="or">or as somebody else</p>
          </>
        )}
        {!sso.forced && (
          <form method="post" action={appendQuery('/api/auth/login', pairs)}>
            <Field name="identifier" label="User name or e-mail address" autocomplete="username" />
            <Field name="password" label="Password" type="password" autocomplete="current-password" />
            <button type="submit" class={username === null ? '' : 'quiet'}>
              Sign in
            </button>
          </form>
        )}
        {sso.providers.length > 0 && (
          <ul class="providers" aria-label="Other ways to sign in">
            {sso.providers.map((provider) => (
              <li key={provider.id}>
                <a
                  class={sso.forced ? 'button' : 'button quiet'}
                  href={appendQuery('/oauth/sso', [['issuer', provider.id], ...pairs])}
                  rel="nofollow"
                >
                  <ProviderIcon config={config} provider={provider} />
                  {`Sign in with ${provider.name}`}
                </a>
              </li>
            ))}
          </ul>
        )}
        {passkeyOptions && (
          <PasskeyForm
            action={appendQuery('/api/auth/passkey', pairs)}
            ceremony="get"
            options={passkeyOptions}
            button="Sign in with a passkey"
            isQuiet
          />
        )}
        {!sso.forced && (
          <div class="aside">
            <p>
              <a href={config.frontend.routes.password_reset}>Forgotten your password?</a>
            </p>
            {config.registersByPassword && (
              <p>
                New here? <a href={appendQuery(config.frontend.routes.register, pairs)}>Create an account</a>
              </p>
            )}
          </div>
        )}
      </section>
    </Document>
  );
}
