import { Socket } from 'node:net';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { poolOf } from './pool.js';

/** A statement prepared by name. */
export interface NamedStatement {
  name: string;
  text: string;
  values: unknown[];
  /** How columns are read, where the default is not wanted. */
  types?: pg.CustomTypesConfig;
}

/** No answer after so long means that something holds a lock or the network is gone, in milliseconds (security.md D7). */
const PATIENCE_MS = 2000;

/** How long after a failure the next connection is tried, in milliseconds; the pool serves meanwhile. */
const RETRY_MS = 500;

/** One connection with several statements under way at once. */
interface Pipeline {
  client: pg.Client;
  socket: Socket;
}

/**
 * Runs short reads over one pipelined connection, which costs process and database half of what the pool does. A slow
 * read would hold up those behind it, so only look-ups by key go here, never a transaction. While the connection is away
 * the pool answers.
 */
@Injectable()
export class ShortReads implements OnApplicationShutdown {
  private readonly log = new Logger(ShortReads.name);
  private pipeline: Pipeline | null = null;
  private opening: Promise<void> = Promise.resolve();
  private isStopped = false;
  private isGathering = false;
  /** In milliseconds since the epoch; Infinity while one is being opened or when we have stopped. */
  private nextTryAt = 0;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The rows of one statement. */
  async query<Row extends pg.QueryResultRow>(statement: NamedStatement): Promise<Row[]> {
    if (this.pipeline) this.gather(this.pipeline.socket);
    else if (Date.now() >= this.nextTryAt) this.opening = this.open();
    const { rows } = await (this.pipeline?.client ?? poolOf(this.dataSource)).query<Row>(statement);
    return rows;
  }

  /** After the last request. */
  async onApplicationShutdown(): Promise<void> {
    this.nextTryAt = Infinity;
    this.isStopped = true;
    // One that is just being opened would keep the process alive.
    await this.opening;
    const { pipeline } = this;
    this.pipeline = null;
    await pipeline?.client.end();
  }

  /** Reads that arrive in one turn of the event loop leave in one write. */
  private gather(socket: Socket): void {
    if (this.isGathering) return;
    this.isGathering = true;
    socket.cork();
    setImmediate(() => {
      this.isGathering = false;
      socket.uncork();
    });
  }

  private async open(): Promise<void> {
    this.nextTryAt = Infinity;
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: urlOf(this.dataSource),
      stream: () => socket,
      pipeline: true,
      query_timeout: PATIENCE_MS,
      connectionTimeoutMillis: PATIENCE_MS,
    });
    const lose = () => {
      if (this.pipeline?.client !== client) return;
      this.log.warn('The connection for short reads was lost; the pool answers until there is another');
      this.pipeline = null;
      this.nextTryAt = Date.now() + RETRY_MS;
    };
    client.on('error', lose);
    client.on('end', lose);
    try {
      await client.connect();
      if (this.isStopped) await client.end();
      else this.pipeline = { client, socket };
    } catch {
      if (!this.isStopped) this.nextTryAt = Date.now() + RETRY_MS;
    }
  }
}

function urlOf(dataSource: DataSource): string {
  const { options } = dataSource;
  if ('url' in options && typeof options.url === 'string') return options.url;
  throw new Error('The data source has no URL');
}
