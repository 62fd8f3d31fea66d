import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('README.md', () => {
  let test: TestApp;
  let folder: string;
  beforeAll(async () => {
    test = await startApp();
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-readme-'));
  });
  afterAll(async () => {
    await test.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('opens with the two commands', () => {
    expect(
      README.split('\n')
        .slice(2, 4)
        .map((line) => line.trim().split('  ', 1)[0]),
    ).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  it('has a walk with curl that works as it stands', async () => {
    const walk = /```sh\n(GATEHOUSE=[\s\S]*?)```/.exec(README)?.[1] ?? '';
    const origin = await test.listen();
    // Only the address differs: the port 3000 may be taken here.
    const script = walk.replace('GATEHOUSE=http://localhost:3000', `GATEHOUSE=${origin}`);
    expect(script).not.toBe(walk);
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder });
    const [registered, account] = stdout.trim().split('\n');
    expect(JSON.parse(registered ?? '')).toMatchObject({
      token_type: 'Bearer',
      me: 'http://localhost:3000/users/alice',
    });
    expect(JSON.parse(account ?? '')).toMatchObject({ acct: 'alice', fqn: 'alice@localhost:3000' });
  });
});
