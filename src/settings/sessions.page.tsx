import type { VNode } from 'preact';
import { deviceName } from '../common/device.js';
import type { Config } from '../config/config.js';
import { Foreign, Moment } from '../pages/parts.js';
import type { ListedSession } from '../sessions/list-sessions.js';
import { SettingsFrame } from './settings-frame.js';

/** What the list of sessions shows. */
export interface SessionsPageProps {
  config: Config;
  username: string;
  sessions: readonly ListedSession[];
}

/** The first screen of the settings: every app that can use the account. */
export function SessionsPage({ config, username, sessions }: SessionsPageProps): VNode {
  return (
    <SettingsFrame config={config} username={username} screen="Sessions">
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
    </SettingsFrame>
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
              <Moment at={asDate(createdAt)} />
            </dd>
          </div>
          <div>
            <dt>Last used</dt>
            <dd>{lastUsedAt === null ? 'never' : <Moment at={asDate(lastUsedAt)} />}</dd>
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

/** The list gives moments in UTC without a zone. */
function asDate(moment: string): Date {
  return new Date(`${moment.replace(' ', 'T')}Z`);
}
