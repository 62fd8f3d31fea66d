import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Config } from '../config/config.js';
import { NoticesService } from '../users/notices.service.js';
import type { Import } from '../imports/import.entity.js';
import { countRows, type ImportCounts, NO_ROWS } from '../imports/import-counts.js';

/** Imports of more rows are told of by mail (contract.md §7.5). */
const WORTH_A_MAIL = 100;

/** Tells the journal, and the person, that an import is finished. */
@Injectable()
export class ImportsEndings {
  constructor(
    private readonly audit: AuditService,
    private readonly notices: NoticesService,
    private readonly config: Config,
  ) {}

  /** Days that an import can be undone. */
  get undoDays(): number {
    return this.config.imports.undo_days;
  }

  async tell({ id, userId }: Import, tx: EntityManager): Promise<void> {
    await this.audit.record({ type: 'import.finished', userId }, null, tx);
    const counts = (await countRows([id], tx)).get(id) ?? NO_ROWS;
    if (counts.rows <= WORTH_A_MAIL) return;
    const until = new Date(Date.now() + this.undoDays * 86_400_000).toISOString();
    await this.notices.tell('import_finished', userId, null, tx, {
      counts: inWords(counts),
      ...(this.undoDays > 0 && { until }),
    });
  }
}

function inWords({ rows, applied, requested, unchanged, skipped, failed, removed }: ImportCounts): string {
  const parts = [
    `${rows - removed} rows`,
    `${applied} done`,
    `${requested} waiting for an answer`,
    `${unchanged} as before`,
    `${skipped} skipped`,
    `${failed} failed`,
    `${removed} removed`,
  ];
  return `${parts.filter((part) => !part.startsWith('0 ')).join(', ')}.`;
}
