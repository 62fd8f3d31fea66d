import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms } from './support/build.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const ROOT = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** What `npm start` and `npm run cli` run, as real processes on the built files. */
describe('the built programs', () => {
  let folder: string;
  let database: TestDatabase;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-process-'));
    database = await createDatabase('empty');
    await buildPrograms();
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  function environment(port: number, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      PORT: String(port),
      PUBLIC_URL: `http://localhost:${port}`,
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      ...more,
    };
  }

  function start(port: number, more: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
      cwd: ROOT,
      env: environment(port, more),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    return child;
  }

  async function untilReady(port: number): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return;
      await pause(50);
    }
    throw new Error('not ready after 10 s');
  }

  function cli(
    args: string[],
    { stdin = '', env = {} }: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const running = run(process.execPath, ['dist/cli.js', ...args], { cwd: ROOT, env: environment(3999, env) });
    running.child.stdin?.end(stdin);
    return running;
  }

  it('refuse to start on a bad configuration, naming every bad key, within 2 s', async () => {
    const config = join(folder, 'bad.yaml');
    writeFileSync(config, 'oauth: { access_token_idle: soon }\nnonsense: true\n');
    const child = start(await freePort(), { GATEHOUSE_CONFIG: config, TRUST_PROXY: 'everybody' });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    const [code] = await once(child, 'exit');
    clearTimeout(timer);
    expect(code).toBe(1);
    for (const key of ['oauth.access_token_idle', 'nonsense', 'TRUST_PROXY']) expect(stderr).toContain(key);
  });

  it('start, serve, and stop on SIGTERM: not ready at once, still serving, exit 0', async () => {
    const port = await freePort();
    const child = start(port);
    await untilReady(port);
    expect(await fetch(`http://127.0.0.1:${port}/health/live`).then((answer) => answer.json())).toEqual({
      status: 'ok',
    });
    child.kill('SIGTERM');
    await expect
      .poll(() => fetch(`http://127.0.0.1:${port}/health/ready`).then((answer) => answer.status), { timeout: 3000 })
      .toBe(503);
    const draining = await fetch(`http://127.0.0.1:${port}/health/ready`);
    expect(await draining.json()).toEqual({ status: 'unavailable', reasons: ['shutdown'] });
    expect((await fetch(`http://127.0.0.1:${port}/api/v1/instance`)).status).toBe(200);
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  it('run as two replicas that migrate one empty database at once', async () => {
    const shared = await createDatabase('empty');
    const ports = [await freePort(), await freePort()];
    const replicas = ports.map((port) => start(port, { DATABASE_URL: shared.url }));
    await Promise.all(ports.map(untilReady));
    for (const replica of replicas) replica.kill('SIGINT');
    const codes = await Promise.all(replicas.map(async (replica) => (await once(replica, 'exit'))[0]));
    expect(codes).toEqual([0, 0]);
    await shared.drop();
  });

  it('create, approve and list people from the command line', async () => {
    const created = await cli(
      ['user', 'create', 'Carol', '--email', 'Carol@Example.org', '--role', 'admin', '--password-stdin'],
      { stdin: 'correct horse battery\n' },
    );
    expect(created.stdout).toMatch(/^Created carol \([0-9a-f-]{36}\)\n$/);
    const { stdout } = await cli(['user', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([
      { username: 'carol', email: 'carol@example.org', role: 'admin', state: 'active' },
    ]);
    await expect(cli(['user', 'approve', 'carol'])).rejects.toMatchObject({
      code: 1,
      stderr: 'Nobody called carol awaits approval\n',
    });
  });

  it('refuse a bad account from the command line with its reasons and no stack', async () => {
    await expect(cli(['user', 'create', 'x!', '--password-stdin'], { stdin: 'short\n' })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Validation failed: Username .*, Password is too short \(minimum is 8 characters\)\n$/,
      ),
    });
  });

  it('check the configuration from the command line', async () => {
    expect((await cli(['config', 'check'])).stdout).toContain('The configuration is fine.');
    await expect(cli(['config', 'check'], { env: { LOG_LEVEL: 'loud' } })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('LOG_LEVEL'),
    });
  });

  it('rotate the signing key from the command line', async () => {
    expect((await cli(['keys', 'rotate'])).stdout).toMatch(/^The new signing key is [\w-]{43}\n$/);
  });
});
