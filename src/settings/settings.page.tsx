import type { VNode } from 'preact';
import { deviceName } from '../common/device.js';
import { Document } from '../common/html-document.js';
import type { Config } from '../config/config.js';
import type { ListedSession } from '../sessions/list-sessions.js';
import { Alert, Foreign } from '../pages/parts.js';

/** What the settings show. */
export interface SettingsPageProps {
  config: Config;
  username: string;
  sessions: readonly ListedSession[];
}

/** The settings area; its first screen is the list of sessions. */
export function SettingsPage({ config, username, sessions }: SettingsPageProps): VNode {
  return (
    <Document title="Settings" config={config}>
      <section class="card wide">
        <h1>Settings</h1>
        <div class="bar">
          <p>
            Signed in as <strong>{`@${username}`}</strong>
          </p>
          <form method="post" action="/settings/sign-out">
            <button type="submit" class="quiet small">
              Sign out
            </button>
          </form>
        </div>
        <h2>Sessions</h2>
        <p>Every app that can use your account. Revoke what you do not know: it is out at once.</p>
        <ul class="sessions">
          {sessions.map((session) => (
            <SessionItem key={session.id} session={session} />
          ))}
        </ul>
        {sessions.length > 1 && (
          <form method="post" action="/settings/sessions/revoke-others">
            <button type="submit" class="danger">
              Revoke all others
            </button>
          </form>
        )}
      </section>
    </Document>
  );
}

function SessionItem({ session }: { session: ListedSession }): VNode {
  const { id, appName, createdAt, lastUsedAt, ip, userAgent, isCurrent } = session;
  return (
    <li>
      <div>
        <h3>
          <Foreign>{appName}</Foreign> {isCurrent && <span class="tag">this one</span>}
        </h3>
        <dl class="facts">
          <div>
            <dt>Created</dt>
            <dd>
              <Moment at={createdAt} />
            </dd>
          </div>
          <div>
            <dt>Last used</dt>
            <dd>{lastUsedAt === null ? 'never' : <Moment at={lastUsedAt} />}</dd>
          </div>
          <div>
            <dt>Address</dt>
            <dd>{ip ?? 'unknown'}</dd>
          </div>
          <div>
            <dt>Device</dt>
            <dd>{deviceName(userAgent) ?? 'unknown'}</dd>
          </div>
        </dl>
      </div>
      <form method="post" action={`/settings/sessions/${id}/revoke`}>
        <button type="submit" class="quiet small" aria-label={`Revoke ${appName}`}>
          Revoke
        </button>
      </form>
    </li>
  );
}

const FORMAT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });

/** A moment in UTC, as the list gives it: without a script we do not know the reader's zone. */
function Moment({ at }: { at: string }): VNode {
  const moment = new Date(`${at.replace(' ', 'T')}Z`);
  return <time dateTime={moment.toISOString()}>{`${FORMAT.format(moment)} UTC`}</time>;
}

/** What somebody sees who is signed out of the settings. */
export interface SignedOutPageProps {
  config: Config;
  /** Whom this browser is still signed in as, for other apps. */
  username: string | null;
  /** The person said no to the settings, and never was in. */
  isDenied: boolean;
}

/** The end of a visit to the settings. */
export function SignedOutPage({ config, username, isDenied }: SignedOutPageProps): VNode {
  return (
    <Document title="Signed out" config={config}>
      <section class="card">
        <h1>{isDenied ? 'Not signed in' : 'Signed out'}</h1>
        {isDenied ? (
          <Alert>You did not let the settings use your account.</Alert>
        ) : (
          <p class="lead">You are signed out of your settings.</p>
        )}
        <p class="actions">
          <a class="button" href="/settings">
            Sign in again
          </a>
        </p>
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
