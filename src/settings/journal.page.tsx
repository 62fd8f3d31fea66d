import type { VNode } from 'preact';
import type { ListedEvent } from '../audit/audit.service.js';
import { describeEvent } from '../audit/describe-event.js';
import { deviceName } from '../common/device.js';
import type { Config } from '../config/config.js';
import { Foreign, Moment } from '../pages/parts.js';
import { SettingsFrame } from './settings-frame.js';

/** What the journal shows. */
export interface JournalPageProps {
  config: Config;
  username: string;
  events: readonly ListedEvent[];
  /** Of the next page; null on the last one. */
  next: number | null;
}

/** What happened to the account, newest first. */
export function JournalPage({ config, username, events, next }: JournalPageProps): VNode {
  return (
    <SettingsFrame config={config} username={username} screen="Journal">
      <h2>Journal</h2>
      <p>
        What happened to your account in the last 90 days. Something you do not know? Change your{' '}
        <a href="/settings/account#password">password</a>: that signs everybody else out.
      </p>
      <ol class="sessions">
        {events.map((event) => (
          <EventItem key={event.id} event={event} />
        ))}
      </ol>
      {next !== null && (
        <p class="actions">
          <a class="button quiet" href={`/settings/journal?max_id=${next}`}>
            Older events
          </a>
        </p>
      )}
    </SettingsFrame>
  );
}

function EventItem({ event }: { event: ListedEvent }): VNode {
  const { type, createdAt, ip, userAgent, appName } = event;
  const device = deviceName(userAgent);
  return (
    <li>
      <div>
        <h3>{describeEvent(type)}</h3>
        <dl class="facts">
          <div>
            <dt>When</dt>
            <dd>
              <Moment at={createdAt} />
            </dd>
          </div>
          {appName !== null && (
            <div>
              <dt>App</dt>
              <dd>
                <Foreign>{appName}</Foreign>
              </dd>
            </div>
          )}
          {ip !== null && (
            <div>
              <dt>From</dt>
              <dd>{device === null ? ip : `${ip}, ${device}`}</dd>
            </div>
          )}
        </dl>
      </div>
    </li>
  );
}
