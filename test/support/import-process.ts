import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestApp } from './app.js';
import { ROOT } from './build.js';

/** A built Gatehouse in a process of its own, on the database of a test app: it works through the queue. */
export class ImportProcess {
  private readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-import-'));
  private child: ChildProcess | null = null;

  constructor(private readonly test: TestApp) {}

  /** Starts it and answers when it takes jobs. */
  async start(): Promise<void> {
    const port = await freePort();
    this.child = spawn(process.execPath, ['dist/main.js'], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        PUBLIC_URL: this.test.config.publicUrl,
        SECRET_KEY: this.test.config.secretKey,
        DATA_DIR: this.folder,
        DATABASE_URL: this.test.database.url,
        LOG_LEVEL: 'fatal',
      },
      stdio: 'ignore',
    });
    for (let attempt = 0; attempt < 400; attempt++) {
      const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      await pause(25);
    }
    throw new Error('The process is not ready');
  }

  /** Sends it a signal; after SIGKILL it is gone. */
  async signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const gone = name === 'SIGKILL' ? once(child, 'exit') : null;
    child.kill(name);
    await gone;
  }

  async end(): Promise<void> {
    await this.signal('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The lease of whoever holds the import runs out now, instead of in 15 seconds. */
export async function passLease({ dataSource }: TestApp): Promise<void> {
  await dataSource.query(`update job set leased_until = now() - interval '1 second' where kind = 'import'`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
