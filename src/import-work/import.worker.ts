import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { isDatabaseAway } from '../common/database-errors.js';
import { backoff, LeaseLost } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { accountBlock } from '../users/account-state.js';
import { User } from '../users/user.entity.js';
import { WebFingerClient } from '../webfinger/webfinger.client.js';
import { applyRows, type WaitingRow } from './apply-rows.js';
import { Import } from '../imports/import.entity.js';
import { finishImport, stopImport } from './finish-import.js';
import { IMPORT_JOB, type ImportJob, type ImportPayload } from '../imports/import-job.js';
import {
  dueRows,
  type Finding,
  giveUpHosts,
  lookUpAgain,
  noteFindings,
  secondsUntilDue,
  type UnknownRow,
} from './look-up-rows.js';
import { ImportsEndings } from './imports-endings.js';
import { forgetChange, undoBatch } from './undo-batch.js';

/** Rows of one transaction (performance.md, technique 9). */
const BATCH = 1000;

/** A turn ends after so many milliseconds, so that a small list never waits for a large one. */
const TURN_MS = 500;

/** Rows that are looked up elsewhere in one turn. */
const LOOK_UPS = 60;

/** Seconds until it is looked again whether a disabled account is back. */
const PAUSE = 60;

/** All rows that need no look-up have been decided. */
const END = 2_147_483_647;

/** Goes through lists: batches in transactions that hold the lease, in turns that leave others their share (contract.md §7). */
@Injectable()
export class ImportWorker implements OnModuleInit {
  constructor(
    private readonly jobs: JobsService,
    private readonly webFinger: WebFingerClient,
    private readonly endings: ImportsEndings,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<ImportPayload>({
      name: IMPORT_JOB,
      concurrency: 4,
      run: (job) => this.run(job),
      // Whatever it was, it is tried again: an import always ends. Not by its attempts, which count the turns, too.
      retryAfter: () => backoff(1, 5, 5),
    });
  }

  private async run(job: ImportJob): Promise<void> {
    const { importId, userId } = job.payload;
    const { manager } = this.dataSource;
    const [row, user] = await Promise.all([
      manager.findOneBy(Import, { id: importId }),
      manager.findOneBy(User, { id: userId }),
    ]);
    // Purged or erased meanwhile.
    if (!row || !user) return;
    const block = accountBlock(user);
    if (block === 'deleted') return this.during(job, (tx) => stopImport(job, row, this.endings, tx));
    if (block === 'account_is_disabled') return job.yield(PAUSE, job.payload);
    if (row.state === 'undoing') return this.undo(job, row);
    if (row.state !== 'queued' && row.state !== 'running') return;
    if (row.state === 'queued') await this.begin(job, row);
    await this.go(job, row);
  }

  private begin(job: ImportJob, { id }: Import): Promise<void> {
    return this.during(job, async (tx) => {
      await tx.query(`update import set state = 'running', started_at = coalesce(started_at, now()) where id = $1`, [
        id,
      ]);
    });
  }

  /** One turn: what is here or known in batches; then what has to be looked up; then the end. */
  private async go(job: ImportJob, row: Import): Promise<void> {
    let { after, size = BATCH } = job.payload;
    const turnEnds = Date.now() + TURN_MS;
    while (after < END && Date.now() < turnEnds && !job.signal.aborted) {
      const from = after;
      const done = await inBatch(
        size,
        (most) => this.applyNext(job, row, from, most),
        () => this.failNext(job, row, from),
      );
      size = done.size;
      after = done.result ?? after;
    }
    if (job.signal.aborted) return;
    if (after < END) return job.yield(0, { ...job.payload, after, size });
    const unknown = await this.next(job, row);
    if (unknown.length > 0) {
      return job.yield(0, { ...job.payload, after: await this.lookUp(job, row, unknown) });
    }
    const seconds = await secondsUntilDue(row.id, this.dataSource.manager);
    if (seconds !== null) return job.yield(seconds, { ...job.payload, after });
    await this.during(job, (tx) => finishImport(job, row, this.endings, tx));
  }

  /** Decides the rows of the next places that need no look-up; answers up to where. */
  private async applyNext(job: ImportJob, row: Import, after: number, size: number): Promise<number> {
    const upTo = after + size;
    let isLast = false;
    await this.during(job, async (tx) => {
      const [{ end }] = await tx.query('select max(position) as end from import_row where import_id = $1', [row.id]);
      isLast = upTo >= (end ?? 0);
      // By places and not by a limit: without statistics, the planner would sort all that is left for every batch.
      const waiting: WaitingRow[] = await tx.query(
        `select position, username, host, options from import_row
         where import_id = $1 and position > $2 and position <= $3 and state = any($4) order by position`,
        // What was only planned is done now.
        [row.id, after, upTo, row.dryRun ? ['pending'] : ['pending', 'planned']],
      );
      if (waiting.length === 0) return;
      await applyRows(row, waiting, tx);
      if (!row.dryRun) await lookUpAgain(row.id, waiting, tx);
    });
    return isLast ? END : upTo;
  }

  /** Gives up the next row, which fails alone. */
  private async failNext(job: ImportJob, row: Import, after: number): Promise<number> {
    let last = END;
    await this.during(job, async (tx) => {
      const [[failed]] = await tx.query(
        `update import_row set state = 'failed', reason = 'internal', updated_at = now()
         where import_id = $1 and position = (select min(position) from import_row
           where import_id = $1 and position > $2 and state in ('pending', 'planned')) returning position`,
        [row.id, after],
      );
      last = failed?.position ?? END;
    });
    return last;
  }

  private async next(job: ImportJob, row: Import): Promise<UnknownRow[]> {
    let rows: UnknownRow[] = [];
    await this.during(job, async (tx) => {
      await giveUpHosts(row.id, tx);
      rows = await dueRows(row.id, LOOK_UPS, tx);
    });
    return rows;
  }

  /** Answers the place before the first row that could not be applied at once, or the end. */
  private async lookUp(job: ImportJob, row: Import, rows: readonly UnknownRow[]): Promise<number> {
    const findings = await Promise.all(rows.map((one) => this.find(one, job.signal)));
    if (job.signal.aborted) return END;
    await this.during(job, (tx) => noteFindings(row.id, findings, tx));
    const positions = new Set(findings.flatMap((finding) => ('account' in finding ? [finding.position] : [])));
    const known = rows.filter(({ position }) => positions.has(position));
    const done = await inBatch(
      known.length,
      () => this.during(job, (tx) => applyRows(row, known, tx)).then(() => END),
      () => Promise.resolve(null),
    );
    // Known by now, they go the way of all that are.
    return done.result ?? (known[0]?.position ?? END) - 1;
  }

  private async find({ position, username, host }: UnknownRow, signal: AbortSignal): Promise<Finding> {
    const found = await this.webFinger.resolve(username, host, signal);
    switch (found.state) {
      case 'found':
        // By the name that was asked for: the list names it so.
        return { position, account: { ...found.account, username, host } };
      case 'later':
        return { position, laterSeconds: found.seconds };
      default:
        return { position, reason: found.reason, isFinal: !found.retryable };
    }
  }

  private async undo(job: ImportJob, row: Import): Promise<void> {
    let { size = BATCH } = job.payload;
    const turnEnds = Date.now() + TURN_MS;
    while (Date.now() < turnEnds && !job.signal.aborted) {
      const done = await inBatch(
        size,
        (most) => this.undoNext(job, row, most),
        () => this.during(job, (tx) => forgetChange(row, tx)).then(() => false),
      );
      if (done.result === true) return;
      size = done.size;
    }
    if (!job.signal.aborted) await job.yield(0, { ...job.payload, size });
  }

  private async undoNext(job: ImportJob, row: Import, size: number): Promise<boolean> {
    let isDone = false;
    await this.during(job, async (tx) => {
      isDone = await undoBatch(row, size, tx);
      if (!isDone) return;
      await tx.query(`update import set state = 'undone' where id = $1`, [row.id]);
      await job.complete(tx);
    });
    return isDone;
  }

  /** A transaction that counts only while the job is ours. */
  private during(job: ImportJob, work: (tx: EntityManager) => Promise<void>): Promise<void> {
    return this.dataSource.transaction(async (tx) => {
      // The person first, in the order of whoever changes the course of an import.
      await tx.query('select from "user" where id = $1 for no key update', [job.payload.userId]);
      await job.hold(tx);
      await work(tx);
    });
  }
}

/**
 * Does a batch of at most so many rows. When it fails, the next one has fewer, until a single row is what cannot be done
 * and is given up (security.md D20), or is done as soon as the database is quicker.
 * @returns what it came to, null where it did not; and how many the next batch may have
 * @throws LeaseLost, and what means that the database is away
 */
async function inBatch<Result>(
  size: number,
  work: (most: number) => Promise<Result>,
  giveUp: () => Promise<Result | null>,
): Promise<{ result: Result | null; size: number }> {
  try {
    return { result: await work(size), size: Math.min(BATCH, size * 2) };
  } catch (error) {
    if (error instanceof LeaseLost || (isDatabaseAway(error) && !isTooSlow(error))) throw error;
    const result = size === 1 && !isTooSlow(error) ? await giveUp() : null;
    return { result, size: Math.max(1, Math.floor(size / 8)) };
  }
}

/** Whether the database did not finish a statement in time, which it may do with fewer rows. */
function isTooSlow(error: unknown): boolean {
  return error instanceof Error && /Query read timeout|statement timeout/.test(error.message);
}
