import type { VNode } from 'preact';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import { graceWords } from './settings-frame.js';
import type { Leaving } from './settings.dto.js';

/** What somebody sees who is not in the settings any more. */
export interface SignedOutPageProps {
  config: Config;
  /** Whom this browser is still signed in as, for other apps. */
  username: string | null;
  after: Leaving;
  /** The provider that had signed them in, where it offers a sign-out of its own (RP-Initiated Logout 1.0). */
  provider: { name: string; signOutUrl: string } | null;
}

/** The end of a visit to the settings. */
export function SignedOutPage({ config, username, after, provider }: SignedOutPageProps): VNode {
  const { title, words } = explain(after, config);
  return (
    <Document title={title} config={config}>
      <section class="card">
        <h1>{title}</h1>
        {after === 'denied' ? (
          <div class="notice problem" role="alert">
            {words}
          </div>
        ) : (
          <p class="lead">{words}</p>
        )}
        <p class="actions">
          <a class="button" href="/settings">
            Sign in again
          </a>
        </p>
        {provider && (
          <p class="aside">
            {`You may still be signed in at ${provider.name}. `}
            <a href={provider.signOutUrl} rel="noopener">
              Sign out there, too
            </a>
          </p>
        )}
        {username !== null && (
          <form class="aside" method="post" action="/api/auth/logout">
            <p>{`This browser is still signed in as @${username}, so that other apps can ask for you.`}</p>
            <button type="submit" class="quiet small">
              Sign this browser out, too
            </button>
          </form>
        )}
      </section>
    </Document>
  );
}

function explain(after: Leaving, config: Config): { title: string; words: string } {
  switch (after) {
    case 'denied':
      return { title: 'Not signed in', words: 'You did not let the settings use your account.' };
    case 'disabled':
      return {
        title: 'Account disabled',
        words: 'Nobody is signed in any more, and nobody sees the account. Sign in whenever you want it back.',
      };
    case 'deleted':
      return {
        title: 'Account deleted',
        words: `Nobody is signed in any more, and nobody sees the account. ${comingBack(config)}`,
      };
    default:
      return { title: 'Signed out', words: 'You are signed out of your settings.' };
  }
}

function comingBack(config: Config): string {
  const grace = graceWords(config);
  return grace === null
    ? 'It is being erased now.'
    : `It is erased after ${grace}; until then you can sign in and keep it.`;
}
