import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { buildPrograms } from './support/build.js';
import { runCli, startCli } from './support/cli.js';
import { createDatabase, type TestDatabase } from './support/database.js';

const HASH = '$2a$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG';
const MANY = 3000;

let folder: string;
let file: string;
let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-import-'));
  file = join(folder, 'people.csv');
  await buildPrograms();
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

function write(...rows: string[]): void {
  writeFileSync(file, `\uFEFFusername,email,display_name,password_hash\r\n${rows.map((row) => `${row}\r\n`).join('')}`);
}

function writeMany(): void {
  write(...Array.from({ length: MANY }, (_, n) => `person_${n},person_${n}@example.org,"Person, ${n}",${HASH}`));
}

async function one(sql: string): Promise<Record<string, unknown>> {
  return (await client.query(sql)).rows[0];
}

/** People, names, and events: equal when nothing was doubled and nothing lost. */
function counts(): Promise<Record<string, unknown>> {
  return one(`select (select count(*)::int from "user") as people, (select count(distinct username)::int from "user") as names,
    (select count(*)::int from audit_event where type = 'account.imported') as events,
    (select count(distinct user_id)::int from audit_event join "user" u on u.id = user_id where type = 'account.imported') as told`);
}

const all = { people: MANY, names: MANY, events: MANY, told: MANY };
const nothing = { people: 0, names: 0, events: 0, told: 0 };

/** A transaction of somebody else that does not end: an import waits when it comes to what this holds. */
async function hold(statement: string): Promise<() => Promise<void>> {
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query('begin');
  await other.query(statement);
  return async () => {
    await other.query('rollback');
    await other.end();
  };
}

const holdName = (username: string) =>
  hold(`insert into "user" (id, username) values (gen_random_uuid(), '${username}')`);

async function untilWaiting(imports: number): Promise<void> {
  const waiting = () =>
    one(`select count(*)::int as count from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock' and query like 'insert into %'`);
  await expect.poll(waiting, { timeout: 15_000, interval: 20 }).toEqual({ count: imports });
}

/** Kills an import while it waits for what is held. */
async function killWhen(release: () => Promise<void>): Promise<void> {
  const { child, outcome } = startCli(database, 'user', 'import', file);
  await untilWaiting(1);
  child.kill('SIGKILL');
  expect(await outcome).toMatchObject({ code: null, stdout: '' });
  await release();
}

describe('user import', { timeout: 60_000 }, () => {
  it('says in a dry run what it would do, then does it, then finds everybody here', async () => {
    writeMany();
    const said = `imported ${MANY}, already here 0, refused 0\n`;
    expect(await runCli(database, 'user', 'import', file, '--dry-run')).toEqual({
      code: 0,
      stdout: `Dry run: nothing was changed. A real one would say:\n${said}`,
      stderr: '',
    });
    expect(await counts()).toEqual(nothing);
    expect(await runCli(database, 'user', 'import', file)).toEqual({ code: 0, stdout: said, stderr: '' });
    expect(await counts()).toEqual(all);
    const person =
      await one(`select email, email_verified_at is not null as verified, display_name, password_hash, role,
      confirmation_pending or approval_pending or password_reset_required as held_back from "user" where username = 'person_7'`);
    expect(person).toEqual({
      email: 'person_7@example.org',
      verified: true,
      display_name: 'Person, 7',
      password_hash: HASH,
      role: 'user',
      held_back: false,
    });
    expect(await one(`select ip, user_agent from audit_event where type = 'account.imported' limit 1`)).toEqual({
      ip: null,
      user_agent: null,
    });
    // A password of ours by now: it is not put back.
    await client.query(`update "user" set password_hash = 'ours'`);
    expect(await runCli(database, 'user', 'import', file)).toEqual({
      code: 0,
      stdout: `imported 0, already here ${MANY}, refused 0\n`,
      stderr: '',
    });
    expect(await counts()).toEqual(all);
    expect(await one(`select count(*)::int from "user" where password_hash = 'ours'`)).toEqual({ count: MANY });
  });

  it('goes on where a SIGKILL ended it, between people or between them and their events: nobody is lost, nobody doubled', async () => {
    writeMany();
    await killWhen(await hold('lock table audit_event in share mode'));
    await expect.poll(counts).toEqual(nothing);
    await killWhen(await holdName('person_1700'));
    await expect.poll(counts).toEqual({ people: 1500, names: 1500, events: 1500, told: 1500 });
    expect(await runCli(database, 'user', 'import', file)).toEqual({
      code: 0,
      stdout: `imported 1500, already here 1500, refused 0\n`,
      stderr: '',
    });
    expect(await counts()).toEqual(all);
  });

  it('run twice at once imports everybody once', async () => {
    writeMany();
    const release = await holdName('person_0');
    const runs = [startCli(database, 'user', 'import', file), startCli(database, 'user', 'import', file)];
    await untilWaiting(2);
    await release();
    const outcomes = await Promise.all(runs.map(({ outcome }) => outcome));
    for (const { code, stderr } of outcomes) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const said = outcomes.map(({ stdout }) => /^imported (\d+), already here (\d+), refused 0\n$/.exec(stdout) ?? []);
    for (const [, imported, here] of said) expect(Number(imported) + Number(here)).toBe(MANY);
    expect(said.reduce((sum, [, imported]) => sum + Number(imported), 0)).toBe(MANY);
    expect(await counts()).toEqual(all);
  });
});

describe('user import of rows that are refused', { timeout: 60_000 }, () => {
  const hash = { bcrypt: HASH, md5: '5f4dcc3b5aa765d61d8327deb882cf99', costly: HASH.replace('$10$', '$16$') };
  const report = [
    'line,username,reason',
    '2,ab,username is too short (minimum is 3 characters)',
    '3,jörg,"username must contain only letters, numbers and underscores"',
    '4,(not shown),username is too long (maximum is 30 characters)',
    '5,carol,email is invalid; password hash is of an unknown kind',
    '6,dave,bcrypt hash costs more than 15',
    '8,taken,username taken',
    '9,another,email taken',
    '10,erased,username taken',
    '11,former,email taken',
    '13,alice,username taken',
    '14,alice2,email taken',
    '17,,number of columns is 1 instead of 4',
    '18,eve,display name has control characters',
    '',
  ].join('\n');

  beforeEach(async () => {
    await client.query(`insert into "user" (id, username, email, erased_at, deletion_due_at) values
      ('00000000-0000-7000-8000-000000000001', 'taken', 'taken@example.org', null, null),
      (gen_random_uuid(), 'erased', null, now(), now())`);
    await client.query(`insert into mail_token (hash, user_id, purpose, address, expires_at) values
      ('x', '00000000-0000-7000-8000-000000000001', 'undo_address', 'former@example.org', now() + interval '1 day')`);
    write(
      'ab,,,',
      'jörg,,,',
      `${hash.bcrypt},,,`,
      `carol,carol@,,${hash.md5}`,
      `dave,,,${hash.costly}`,
      'TAKEN,Taken@Example.org,,',
      'taken,other@example.org,,',
      'another,taken@example.org,,',
      'erased,,,',
      'former,former@example.org,,',
      `Alice,Alice@Example.org,Alice,${hash.bcrypt}`,
      'alice,other@example.org,,',
      'alice2,alice@example.org,,',
      'alice,alice@example.org,,',
      'admin,,,',
      'frank',
      'eve,,"E\u0007ve",',
      `carol,carol@example.org,,${hash.bcrypt}`,
    );
  });

  it('tells each with its line and reason, and imports the others', async () => {
    const look = 'Look at taken: already here, with an address that was never verified\n';
    const stderr = report.replace('8,taken', `${look}8,taken`);
    const said = 'imported 3, already here 2, refused 13\n';
    expect(await runCli(database, 'user', 'import', file, '--dry-run')).toEqual({
      code: 1,
      stdout: `Dry run: nothing was changed. A real one would say:\n${said}`,
      stderr,
    });
    expect(await counts()).toMatchObject({ people: 2, events: 0 });
    expect(await runCli(database, 'user', 'import', file)).toEqual({ code: 1, stdout: said, stderr });
    const { rows } = await client.query(`select username, email, password_hash is not null as "hasPassword",
      email_verified_at is not null as verified from "user" u
      where exists (select from audit_event where user_id = u.id and type = 'account.imported') order by username`);
    expect(rows).toEqual([
      { username: 'admin', email: null, hasPassword: false, verified: false },
      { username: 'alice', email: 'alice@example.org', hasPassword: true, verified: true },
      { username: 'carol', email: 'carol@example.org', hasPassword: true, verified: true },
    ]);
  });

  it('writes them to a file that is asked for, and says no hash anywhere', async () => {
    const path = join(folder, 'refused.csv');
    const outcome = await runCli(database, 'user', 'import', file, '--report', path);
    expect(outcome).toMatchObject({ code: 1, stdout: 'imported 3, already here 2, refused 13\n' });
    expect(readFileSync(path, 'utf8')).toBe(report);
    const everything = [...Object.values(outcome), readFileSync(path, 'utf8')].join('\n');
    for (const secret of Object.values(hash)) expect(everything).not.toContain(secret.slice(-20));
  });

  it('changes nothing when the file or the report is wrong', async () => {
    expect(await runCli(database, 'user', 'import', file, '--report', file)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The report is the imported file\n',
    });
    writeFileSync(file, `${readFileSync(file, 'utf8')}zoe,,"Zoe\n`);
    const path = join(folder, 'unwritten.csv');
    expect(await runCli(database, 'user', 'import', file, '--report', path)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/has a quote out of place near line \d+\n$/),
    });
    expect(existsSync(path)).toBe(false);
    expect(await counts()).toMatchObject({ people: 2, events: 0 });
  });
});
