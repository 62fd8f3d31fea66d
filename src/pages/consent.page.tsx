import type { VNode } from 'preact';
import { isOutOfBand } from '../applications/client.js';
import { redirectHost } from '../applications/redirect-uri.js';
import { Document } from '../common/html-document.js';
import { appendQuery, oauthPairs } from '../common/oauth-redirects.js';
import { describeScope } from '../common/scopes.js';
import type { Config } from '../config/config.js';
import type { AuthorizationCode } from '../oauth/authorization-code.entity.js';
import { Foreign, ForeignLink } from './parts.js';

/** What the consent page shows: the row of the pending code, and who is asked. */
export interface ConsentPageProps {
  config: Config;
  /** The value that stands for the row. */
  code: string;
  pending: AuthorizationCode;
  username: string;
}

/** Asks for consent, naming app, site, redirect host, scopes and account (security.md R52). */
export function ConsentPage({ config, code, pending, username }: ConsentPageProps): VNode {
  const { application, redirectUri, scope } = pending;
  return (
    <Document title="Allow access" config={config}>
      <section class="card">
        <h1>
          Allow <Foreign>{application.name}</Foreign>?
        </h1>
        <p class="lead">
          It asks to use your account <strong>{`@${username}`}</strong>.
        </p>
        <h2>It will be able to</h2>
        <ul class="scopes">
          {scope.split(' ').map((word) => (
            <li key={word}>
              {describeScope(word)} <code>{word}</code>
            </li>
          ))}
        </ul>
        <dl class="facts">
          {application.website !== null && (
            <div>
              <dt>Website</dt>
              <dd>
                <ForeignLink url={application.website} />
              </dd>
            </div>
          )}
          <div>
            <dt>{isOutOfBand(redirectUri) ? 'You get' : 'You return to'}</dt>
            <dd>
              <Foreign>{redirectHost(redirectUri)}</Foreign>
            </dd>
          </div>
        </dl>
        <form class="actions" method="post" action={consentAction(pending)}>
          <input type="hidden" name="client_id" value={application.clientId} />
          <input type="hidden" name="redirect_uri" value={redirectUri} />
          <input type="hidden" name="code" value={code} />
          <button type="submit" name="decision" value="approve">
            Allow
          </button>
          <button type="submit" name="decision" value="deny" class="quiet">
            Deny
          </button>
        </form>
        <p class="aside">Anybody can make an app and name it. Allow only what you meant to open.</p>
      </section>
    </Document>
  );
}

/**
 * The rest of the request, for the way back to the login page when the sign-in has ended meanwhile. It stands in the
 * URL, because a form's fields would not bring a line break in `state` back as it was.
 */
function consentAction({ scope, state, codeChallenge }: AuthorizationCode): string {
  const request = oauthPairs({
    response_type: 'code',
    scope,
    ...(state !== null && { state }),
    ...(codeChallenge !== null && { code_challenge: codeChallenge, code_challenge_method: 'S256' }),
  });
  return appendQuery('/api/auth/redirect', request);
}
