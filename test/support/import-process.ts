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

  /** Starts it and answers when it takes jobs; anew, should somebody have been quicker to take its port. */
  async start(): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) if (await this.isReadyOn(await freePort())) return;
    throw new Error('The process is not ready');
  }

  private async isReadyOn(port: number): Promise<boolean> {
    const child = spawn(process.execPath, ['dist/main.js'], {
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
    this.child = child;
    for (let attempt = 0; attempt < 600 && child.exitCode === null; attempt++) {
      const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      // Not somebody else's, on the same port.
      if (isReady && child.exitCode === null) return true;
      await pause(25);
    }
    await this.signal('SIGKILL');
    return false;
  }

  /** Sends it a signal; after SIGKILL it is gone. */
  async signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
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

/** Below those that the system gives away by itself, which others take at any moment. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
