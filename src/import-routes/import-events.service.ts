import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Refusal } from '../common/errors.js';
import { ImportsService } from '../imports/imports.service.js';
import { mapImport } from './imports.dto.js';

/** Streams of one person on one replica (contract.md §7.6). */
const MOST_STREAMS = 5;

/** At most two events a second. */
const LOOK_MS = 500;

/** A comment so often keeps proxies from hanging up. */
const COMMENT_MS = 15_000;

const OVER = new Set(['preview', 'finished', 'cancelled', 'undone']);

/** Tells how far imports are while somebody listens; the database is looked at, so that every replica knows. */
@Injectable()
export class ImportEventsService implements BeforeApplicationShutdown {
  private readonly streams = new Map<string, number>();
  private readonly stop = new AbortController();

  constructor(
    private readonly imports: ImportsService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** A stream of events; it ends with the import, with the session, or when this process stops. @throws Refusal `throttled` */
  open(userId: string, importId: string, sessionId: number): Readable {
    const count = this.streams.get(userId) ?? 0;
    if (count >= MOST_STREAMS) throw new Refusal('throttled', undefined, { retryAfter: 15 });
    this.streams.set(userId, count + 1);
    const stream = Readable.from(this.events(userId, importId, sessionId));
    stream.once('close', () => {
      const left = (this.streams.get(userId) ?? 1) - 1;
      if (left === 0) this.streams.delete(userId);
      else this.streams.set(userId, left);
    });
    return stream;
  }

  beforeApplicationShutdown(): void {
    this.stop.abort();
  }

  private async *events(userId: string, importId: string, sessionId: number): AsyncGenerator<string> {
    yield 'retry: 3000\n\n';
    let last = '';
    let spokeAt = Date.now();
    while (!this.stop.signal.aborted && (await this.isLive(sessionId))) {
      const found = mapImport(await this.imports.get(userId, importId));
      const data = JSON.stringify(found);
      if (data !== last) {
        yield `event: import\ndata: ${data}\n\n`;
        last = data;
        spokeAt = Date.now();
      }
      if (OVER.has(found.state)) {
        yield `event: end\ndata: ${data}\n\n`;
        return;
      }
      if (Date.now() - spokeAt >= COMMENT_MS) {
        yield ': still here\n\n';
        spokeAt = Date.now();
      }
      await pause(LOOK_MS, undefined, { signal: this.stop.signal }).catch(() => {});
    }
  }

  private async isLive(sessionId: number): Promise<boolean> {
    const rows = await this.dataSource.query('select from session where id = $1 and revoked_at is null', [sessionId]);
    return rows.length === 1;
  }
}
