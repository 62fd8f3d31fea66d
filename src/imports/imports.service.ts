import { Injectable } from '@nestjs/common';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { type DataSource, type EntityManager, In, LessThan, Repository } from 'typeorm';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { JobsService } from '../jobs/jobs.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { ListRefused, type UploadedList } from '../lists/list.js';
import { readList } from '../lists/read-list.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { lockUser } from '../users/lock-user.js';
import { Import, type ImportMode } from './import.entity.js';
import { countRows, type ImportCounts, NO_ROWS } from './import-counts.js';
import { IMPORT_JOB } from './import-job.js';
import { digestOf, insertImport, type NewImport } from './new-import.js';

/** Unfinished imports that one person may have; a preview is none (contract.md §1.1). */
const MOST_UNFINISHED = 3;

/** Seconds after which one of them may be finished. */
const UNFINISHED_WAIT = 60;

/** What is wanted with a list. */
export interface ImportWish {
  kind: RelationshipKind;
  mode: ImportMode;
  dryRun: boolean;
  list: UploadedList;
}

/** Whose list it is. */
export interface Importer {
  id: string;
  username: string;
}

/** An import and how its rows stand. */
export interface CountedImport {
  row: Import;
  counts: ImportCounts;
}

/** Takes lists in, tells how far they are, and changes their course; what is done with the rows is the worker's (contract.md §7). */
@Injectable()
export class ImportsService {
  constructor(
    @InjectRepository(Import) private readonly imports: Repository<Import>,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobs: JobsService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * Keeps a list, every row of it and the job, in one transaction; the same list sent again while it is unfinished is the
   * first one.
   * @throws Refusal `list_refused`, `throttled`
   */
  async accept(
    importer: Importer,
    { kind, mode, dryRun, list }: ImportWish,
    client: ClientInfo,
  ): Promise<CountedImport> {
    const { facts, rows } = await this.read(importer, kind, list);
    const wanted: NewImport = {
      id: uuidv7(),
      userId: importer.id,
      kind,
      mode,
      dryRun,
      fileName: list.fileName,
      facts,
      rows,
    };
    const digest = digestOf(wanted);
    const known = await this.findSame(wanted, digest, this.imports.manager);
    if (known) return this.count(known);
    await this.limits.consume('imports', importer.id);
    const id = await this.dataSource.transaction(async (tx) => {
      // Two of the same at once are one after the other.
      await lockUser(importer.id, tx);
      const same = await this.findSame(wanted, digest, tx);
      if (same) return same.id;
      const unfinished = await tx.countBy(Import, { userId: importer.id, state: In(['queued', 'running', 'undoing']) });
      if (unfinished >= MOST_UNFINISHED && this.config.limits.enabled) return null;
      await insertImport(wanted, digest, tx);
      await this.enqueue(wanted.id, importer.id, tx);
      await this.audit.record({ type: 'import.started', userId: importer.id }, client, tx);
      return wanted.id;
    });
    // Only what is accepted counts.
    if (id !== wanted.id) await this.limits.refund('imports', importer.id);
    if (id === null) throw new Refusal('throttled', undefined, { retryAfter: UNFINISHED_WAIT });
    return this.get(importer.id, id);
  }

  /** @throws Refusal `record_not_found` also for somebody else's */
  async get(userId: string, id: string): Promise<CountedImport> {
    const row = isUuid(id) ? await this.imports.findOneBy({ id, userId }) : null;
    if (!row) throw new Refusal('record_not_found');
    return this.count(row);
  }

  /** A person's imports of these kinds, newest first; one more than `limit`, where there is one. */
  async list(
    userId: string,
    kinds: readonly RelationshipKind[],
    limit: number,
    below: string | undefined,
  ): Promise<CountedImport[]> {
    const rows = await this.imports.find({
      where: { userId, kind: In(kinds), ...(below !== undefined && { id: LessThan(below) }) },
      order: { id: 'DESC' },
      take: limit + 1,
    });
    const counts = await countRows(
      rows.map(({ id }) => id),
      this.imports.manager,
    );
    return rows.map((row) => ({ row, counts: counts.get(row.id) ?? NO_ROWS }));
  }

  /** @throws Refusal `conflict` unless it is at preview */
  async apply(userId: string, id: string): Promise<CountedImport> {
    await this.change(userId, id, async (row, tx) => {
      if (row.state !== 'preview') throw new Refusal('conflict', 'This import cannot be applied now.');
      await tx.query(`delete from import_row where import_id = $1 and line is null`, [id]);
      await tx.update(Import, { id }, { state: 'queued', dryRun: false });
      await this.enqueue(id, userId, tx);
    });
    return this.get(userId, id);
  }

  /** @throws Refusal `conflict` when there is nothing left to cancel */
  async cancel(userId: string, id: string, client: ClientInfo): Promise<CountedImport> {
    await this.change(userId, id, async (row, tx) => {
      if (!['queued', 'running', 'preview'].includes(row.state)) {
        throw new Refusal('conflict', 'This import cannot be cancelled now.');
      }
      await this.end(row, 'cancelled', tx);
      await this.audit.record({ type: 'import.cancelled', userId }, client, tx);
    });
    return this.get(userId, id);
  }

  /** @throws Refusal `conflict`, or `gone` when the undo window is over */
  async undo(userId: string, id: string, client: ClientInfo): Promise<CountedImport> {
    await this.change(userId, id, async (row, tx) => {
      if (row.state !== 'finished' && row.state !== 'cancelled') {
        throw new Refusal('conflict', 'This import cannot be undone now.');
      }
      const [[changed]] = await tx.query(
        `update import set state = 'undoing' where id = $1 and undo_until > now() returning id`,
        [id],
      );
      if (!changed) throw new Refusal('gone', 'The undo window is over.');
      await this.enqueue(id, userId, tx);
      await this.audit.record({ type: 'import.undone', userId }, client, tx);
    });
    return this.get(userId, id);
  }

  /** Ends an import whose rows were not all decided; done ones stay as they are. */
  async end({ id }: Pick<Import, 'id'>, state: 'cancelled', tx: EntityManager): Promise<void> {
    await this.jobs.cancel(IMPORT_JOB, id, tx);
    await tx.query(
      `update import_row set state = 'cancelled', updated_at = now() where import_id = $1 and state in ('pending', 'planned')`,
      [id],
    );
    await tx.query(
      `update import set state = $2, finished_at = now(), undo_until = now() + make_interval(days => $3) where id = $1`,
      [id, state, this.config.imports.undo_days],
    );
  }

  private async change(
    userId: string,
    id: string,
    work: (row: Import, tx: EntityManager) => Promise<void>,
  ): Promise<void> {
    if (!isUuid(id)) throw new Refusal('record_not_found');
    await this.dataSource.transaction(async (tx) => {
      // Person first, as the worker does.
      await lockUser(userId, tx);
      const row = await tx.findOne(Import, { where: { id, userId }, lock: { mode: 'pessimistic_write' } });
      if (!row) throw new Refusal('record_not_found');
      await work(row, tx);
    });
  }

  private async read({ username }: Importer, kind: RelationshipKind, list: UploadedList) {
    const { domain, publicUrl, imports } = this.config;
    try {
      return await readList(list, {
        kind,
        domain,
        publicUrl,
        self: username,
        maxRows: imports.max_rows,
        allowPrivateHosts: imports.allow_private_hosts,
      });
    } catch (error) {
      if (!(error instanceof ListRefused)) throw error;
      throw new Refusal('rejected', error.message, { identifier: error.identifier });
    }
  }

  private findSame({ userId, kind, dryRun }: NewImport, digest: Buffer, tx: EntityManager): Promise<Import | null> {
    return tx.findOneBy(Import, { userId, kind, dryRun, digest, state: In(['queued', 'running']) });
  }

  private async count(row: Import): Promise<CountedImport> {
    const counts = await countRows([row.id], this.imports.manager);
    return { row, counts: counts.get(row.id) ?? NO_ROWS };
  }

  private enqueue(importId: string, userId: string, tx: EntityManager): Promise<void> {
    return this.jobs.enqueue(
      { kind: IMPORT_JOB, key: importId, lane: userId, payload: { importId, userId, after: 0 } },
      tx,
    );
  }
}
