import type { VNode } from 'preact';
import type { Config } from '../config/config.js';
import { inWords } from '../import-routes/imports.dto.js';
import type { ImportRow } from '../imports/import-row.entity.js';
import type { ImportCounts } from '../imports/import-counts.js';
import type { Import } from '../imports/import.entity.js';
import type { CountedImport } from '../imports/imports.service.js';
import { Foreign, Moment } from '../pages/parts.js';
import { SettingsFrame } from '../settings/settings-frame.js';
import { IMPORTS_PATH, KIND_WORDS, STATE_WORDS } from './imports.page.js';

/** What the screen shows. */
export interface ImportPageProps {
  config: Config;
  username: string;
  found: CountedImport;
  /** The first rows that failed. */
  failed: readonly ImportRow[];
}

/** Seconds after which the browser looks again while something goes on; without a script. */
const REFRESH = 1;

/** One import: how far it is, what it did or would do, each row that failed and why, and what can be done about it. */
export function ImportPage({ config, username, found, failed }: ImportPageProps): VNode {
  const { row, counts } = found;
  const goesOn = ['queued', 'running', 'undoing'].includes(row.state);
  return (
    <SettingsFrame config={config} username={username} screen="Imports" {...(goesOn && { refresh: REFRESH })}>
      <section class="part">
        <h2>
          {KIND_WORDS[row.kind].title}, {counts.rows} {counts.rows === 1 ? 'row' : 'rows'}{' '}
          <span class="tag">{STATE_WORDS[row.state]}</span>
        </h2>
        <p>
          {row.fileName !== null && (
            <>
              <Foreign>{row.fileName}</Foreign>,{' '}
            </>
          )}
          <Moment at={row.createdAt} />
        </p>
        <Warnings row={row} />
        {goesOn && <Progress row={row} counts={counts} />}
        <p class="summary">{summary(row, counts)}</p>
        <Actions row={row} counts={counts} />
      </section>
      {failed.length > 0 && <Failures row={row} counts={counts} failed={failed} />}
      <p>
        <a href={IMPORTS_PATH}>All imports</a>
      </p>
    </SettingsFrame>
  );
}

type Facts = CountedImport;

function Warnings({ row }: Pick<Facts, 'row'>): VNode | null {
  if (row.warnings.length === 0) return null;
  return (
    <div class="notice problem" role="alert">
      {row.warnings.map((warning, index) => (
        <p key={index}>{'message' in warning && typeof warning.message === 'string' ? warning.message : ''}</p>
      ))}
      {row.state === 'preview' && <p>Is this the file that you meant?</p>}
    </div>
  );
}

function Progress({ row, counts }: Facts): VNode {
  const left =
    row.state === 'undoing'
      ? counts.applied + counts.requested + counts.removed
      : counts.pending + (row.dryRun ? 0 : counts.planned);
  const done = counts.rows - left;
  return (
    <progress max={Math.max(counts.rows, 1)} value={done} aria-label="Progress">
      {`${done} of ${counts.rows}`}
    </progress>
  );
}

/** The change-set in a line: `+412 follow, 9 already, 3 look wrong`. */
function summary({ kind, state, dryRun, mode }: Import, counts: ImportCounts): string {
  const isAhead = dryRun && state !== 'cancelled';
  const parts: [number, string][] = isAhead
    ? [
        [counts.planned, mode === 'overwrite' ? 'changes' : kind],
        [counts.unchanged, 'already'],
        [counts.skipped, 'skipped'],
        [counts.failed, 'look wrong'],
      ]
    : [
        [counts.applied, 'done'],
        [counts.requested, 'waiting for an answer'],
        [counts.unchanged, 'already'],
        [counts.skipped, 'skipped'],
        [counts.failed, 'failed'],
        [counts.removed, 'removed'],
        [counts.undone, 'undone'],
        [counts.cancelled, 'cancelled'],
        [counts.pending + counts.planned, 'to go'],
      ];
  const shown = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return `${isAhead && counts.planned > 0 ? '+' : ''}${shown.join(', ') || 'Nothing yet'}`;
}

function Actions({ row, counts }: Facts): VNode | null {
  const path = `${IMPORTS_PATH}/${row.id}`;
  const mayUndo =
    (row.state === 'finished' || row.state === 'cancelled') &&
    row.undoUntil !== null &&
    row.undoUntil > new Date() &&
    counts.applied + counts.requested + counts.removed + counts.unchanged > 0;
  return (
    <div class="actions">
      {row.state === 'preview' && (
        <form method="post" action={`${path}/apply`}>
          <button type="submit">Do it</button>
        </form>
      )}
      {['queued', 'running', 'preview'].includes(row.state) && (
        <form method="post" action={`${path}/cancel`}>
          <button type="submit" class="quiet">
            {row.state === 'preview' ? 'Leave everything as it is' : 'Stop'}
          </button>
        </form>
      )}
      {mayUndo && row.undoUntil && (
        <form method="post" action={`${path}/undo`}>
          <button type="submit" class="danger">
            Undo what it did
          </button>
          <p class="explained">
            Until <Moment at={row.undoUntil} />. What you changed yourself since stays.
          </p>
        </form>
      )}
    </div>
  );
}

function Failures({ row, counts, failed }: Facts & Pick<ImportPageProps, 'failed'>): VNode {
  return (
    <section class="part" id="failures">
      <h2>What did not work</h2>
      <ul class="failures">
        {failed.map((one) => (
          <li key={one.position}>
            {one.line !== null && <span class="line">{`Line ${one.line}: `}</span>}
            <strong>
              <Foreign>{one.handle}</Foreign>
            </strong>
            <p>{inWords(one.reason ?? '', one)}</p>
          </li>
        ))}
      </ul>
      {counts.failed > failed.length && <p>{`And ${counts.failed - failed.length} more.`}</p>}
      <p>
        <a href={`${IMPORTS_PATH}/${row.id}/failures.csv`}>All of them as CSV, to mend and send again</a>
      </p>
    </section>
  );
}
