import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import type { CountedImport } from '../imports/imports.service.js';
import type { ImportState } from '../imports/import.entity.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { Alert, Foreign, Moment } from '../pages/parts.js';
import { SettingsFrame } from '../settings/settings-frame.js';

/** Where the screens of imports are. */
export const IMPORTS_PATH = '/settings/imports';

/** What the screen shows. */
export interface ImportsPageProps {
  config: Config;
  username: string;
  imports: readonly CountedImport[];
  /** Why what was sent was not done. */
  sentence: string | null;
}

/** What the accounts of a list are for. */
export const KIND_WORDS: Record<RelationshipKind, { label: string; title: string }> = {
  follow: { label: 'Accounts to follow', title: 'Following' },
  block: { label: 'Accounts to block', title: 'Blocking' },
  mute: { label: 'Accounts to mute', title: 'Muting' },
};

/** Where an import stands. */
export const STATE_WORDS: Record<ImportState, string> = {
  queued: 'waits for its turn',
  running: 'under way',
  preview: 'waits for your word',
  finished: 'finished',
  cancelled: 'cancelled',
  undoing: 'being undone',
  undone: 'undone',
};

/** The screen of imports: a new list, and what became of earlier ones. */
export function ImportsPage({ config, username, imports, sentence }: ImportsPageProps): VNode {
  return (
    <SettingsFrame config={config} username={username} screen="Imports">
      <section class="part" id="new">
        <h2>Bring your lists along</h2>
        <p>
          Export the accounts that you follow, block or mute from another server as CSV, and send the file here. You
          will see what it would change before anything is done.
        </p>
        {sentence !== null && (
          <Alert>
            <p>{sentence}</p>
          </Alert>
        )}
        <form method="post" action={IMPORTS_PATH} enctype="multipart/form-data">
          <div class="field">
            <label for="kind">What the list is for</label>
            <select id="kind" name="kind">
              {Object.entries(KIND_WORDS).map(([kind, { label }]) => (
                <option key={kind} value={kind}>
                  {label}
                </option>
              ))}
            </select>
          </div>
          <div class="field">
            <label for="list">The file</label>
            <input id="list" name="list" type="file" accept=".csv,.txt,text/csv,text/plain" required />
          </div>
          <div class="field">
            <label class="check" for="mode">
              <input type="checkbox" id="mode" name="mode" value="overwrite" />
              <span>Remove whom the list does not name</span>
            </label>
          </div>
          <button type="submit">Look at the list</button>
        </form>
      </section>
      {imports.length > 0 && (
        <section class="part" id="earlier">
          <h2>Earlier lists</h2>
          <ul class="sessions">
            {imports.map(({ row, counts }) => (
              <li key={row.id}>
                <a href={`${IMPORTS_PATH}/${row.id}`}>
                  {KIND_WORDS[row.kind].title}, {counts.rows} {counts.rows === 1 ? 'row' : 'rows'}
                </a>{' '}
                <span class="tag">{STATE_WORDS[row.state]}</span>
                <p>
                  {row.fileName !== null && (
                    <>
                      <Foreign>{row.fileName}</Foreign>,{' '}
                    </>
                  )}
                  <Moment at={row.createdAt} />
                </p>
              </li>
            ))}
          </ul>
        </section>
      )}
    </SettingsFrame>
  );
}
