import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { OAuthParameters } from '../common/errors.js';
import { appendQuery, oauthPairs } from '../common/oauth-redirects.js';
import type { Config } from '../config/config.js';

/** What the page shows; all of it from the URL, to display only. */
export interface ReactivatePageProps {
  config: Config;
  token: string;
  isDeleted: boolean;
  parameters: OAuthParameters;
}

/** Asks somebody who has just signed in whether they want their account back (contract.md §3.9). */
export function ReactivatePage({ config, token, isDeleted, parameters }: ReactivatePageProps): VNode {
  return (
    <Document title="Welcome back" config={config}>
      <section class="card">
        <h1>Welcome back</h1>
        <p class="lead">
          {isDeleted
            ? 'You deleted this account, and it will be erased soon. Do you want to keep it?'
            : 'You disabled this account. Do you want it back?'}
        </p>
        <form class="actions" method="post" action="/api/auth/reactivate">
          <input type="hidden" name="reactivation_token" value={token} />
          <button type="submit">{isDeleted ? 'Keep my account' : 'Yes, I am back'}</button>
          <a class="button quiet" href={backTo(config, parameters)}>
            Not now
          </a>
        </form>
        <p class="aside">If you do nothing, nothing changes.</p>
      </section>
    </Document>
  );
}

function backTo({ frontend }: Config, parameters: OAuthParameters): string {
  return parameters.client_id === undefined
    ? frontend.routes.home
    : appendQuery(frontend.routes.login, oauthPairs(parameters));
}
