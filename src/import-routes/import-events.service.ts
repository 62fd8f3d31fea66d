import type { ServerResponse } from 'node:http';
import { finished, Readable } from 'node:stream';
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

/** Who listens, and what ends it. */
interface Listener {
  userId: string;
  end: AbortController;
}

/** Tells how far imports are while somebody listens; the database is looked at, so that every replica knows. */
@Injectable()
export class ImportEventsService implements BeforeApplicationShutdown {
  private readonly listeners = new Set<Listener>();
  private isStopping = false;

  constructor(
    private readonly imports: ImportsService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * A stream of events for an answer; it ends with the import, with the session, when nobody listens any more, or when
   * this process stops.
   * @throws Refusal `throttled`
   */
  open(userId: string, importId: string, sessionId: number, answer: ServerResponse): Readable {
    const open = [...this.listeners].filter((one) => one.userId === userId).length;
    if (open >= MOST_STREAMS) throw new Refusal('throttled', undefined, { retryAfter: 15 });
    const listener = { userId, end: new AbortController() };
    this.listeners.add(listener);
    if (this.isStopping) listener.end.abort();
    // Between two events the stream itself would not notice.
    finished(answer, () => {
      this.listeners.delete(listener);
      listener.end.abort();
    });
    return Readable.from(this.events(userId, importId, sessionId, listener.end.signal));
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const { end } of this.listeners) end.abort();
  }

  private async *events(
    userId: string,
    importId: string,
    sessionId: number,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    yield 'retry: 3000\n\n';
    let last = '';
    let spokeAt = Date.now();
    while (!signal.aborted && (await this.isLive(sessionId))) {
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
      await pause(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }

  private async isLive(sessionId: number): Promise<boolean> {
    const rows = await this.dataSource.query('select from session where id = $1 and revoked_at is null', [sessionId]);
    return rows.length === 1;
  }
}
