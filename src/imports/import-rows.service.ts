import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Config } from '../config/config.js';
import { ImportRow } from './import-row.entity.js';

/** Which rows are wanted; empty lists are all. */
export interface RowFilter {
  states: readonly string[];
  reasons: readonly string[];
}

/** Tells what became of rows, and forgets them when their time is over. */
@Injectable()
export class ImportRowsService {
  private readonly log = new Logger(ImportRowsService.name);

  constructor(
    @InjectRepository(ImportRow) private readonly rows: Repository<ImportRow>,
    private readonly config: Config,
  ) {}

  /** Rows by their place in the list, those after `after`; one more than `limit`, where there is one. */
  async list(importId: string, { states, reasons }: RowFilter, limit: number, after = 0): Promise<ImportRow[]> {
    const query = this.rows
      .createQueryBuilder('r')
      .where('r.import_id = :importId and r.position > :after', { importId, after })
      .orderBy('r.position')
      .limit(limit + 1);
    if (states.length > 0) query.andWhere('r.state in (:...states)', { states });
    if (reasons.length > 0) query.andWhere('r.reason in (:...reasons)', { reasons });
    return query.getMany();
  }

  /** Lists, rows and what could be undone go after their time (contract.md §7.5). */
  @Interval(3_600_000)
  async purge(): Promise<void> {
    const old = `created_at < now() - make_interval(days => $1) and state not in ('queued', 'running', 'undoing')`;
    const days = [this.config.imports.keep_days];
    try {
      for (const table of ['import_change', 'import_row']) {
        await this.rows.query(`delete from ${table} where import_id in (select id from import where ${old})`, days);
      }
      await this.rows.query(`delete from import where ${old}`, days);
      // What can be undone no more need not be remembered.
      await this.rows.query(
        'delete from import_change where import_id in (select id from import where undo_until < now())',
      );
    } catch (err) {
      this.log.warn({ err }, 'Old imports could not be purged now');
    }
  }
}
