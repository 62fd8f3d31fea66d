import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { ask, registerClient } from './support/flows.js';
import { holdWork, type Importer, importList, newImporter } from './support/imports.js';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Every reason of contract.md §7.4: what is said of `bob@far.example`, of `bob`, and whether sending it again may help. */
const REASONS: Record<string, [remote: string, local: string, retryable: boolean]> = {
  not_a_handle: ['This is not the address of an account.', 'This is not the address of an account.', false],
  bad_encoding: [
    'This line cannot be read: its characters are broken.',
    'This line cannot be read: its characters are broken.',
    false,
  ],
  not_found: ['far.example does not know this account.', 'This instance does not know this account.', false],
  gone: ['far.example says that this account is gone.', 'This instance says that this account is gone.', false],
  host_not_allowed: ['This server cannot be asked.', 'This server cannot be asked.', false],
  host_unreachable: ['far.example did not answer.', 'This instance did not answer.', true],
  host_timeout: ['far.example took too long to answer.', 'This instance took too long to answer.', true],
  bad_answer: ['What far.example answered cannot be trusted.', 'What This instance answered cannot be trusted.', false],
  too_large: ['far.example answered with too much.', 'This instance answered with too much.', false],
  you_block_them: ['You block this account.', 'You block this account.', false],
  they_block_you: ['This account blocks you.', 'This account blocks you.', false],
  account_disabled: ['This account is disabled.', 'This account is disabled.', false],
  rejected: ['This account has rejected your request.', 'This account has rejected your request.', false],
  stopped: ['Your account ended before this was done.', 'Your account ended before this was done.', false],
  internal: ['Something went wrong on our side.', 'Something went wrong on our side.', true],
};

let test: TestApp;
let alice: Importer;
let id: string;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  alice = await newImporter(test, await registerClient(test, { scopes: 'read write follow' }));
  id = (await importList(test, alice, { list: Array.from({ length: 1200 }, (_, n) => `row${n + 1}`).join('\n') })).id;
  // Every third is applied, every third has failed for one of three reasons, every third waits.
  await test.dataSource.query(
    `update import_row set state = case position % 3 when 0 then 'applied' when 1 then 'failed' else 'pending' end,
       reason = case when position % 3 = 1 then (array['not_found', 'host_timeout', 'internal'])[1 + position % 9 / 3] end
     where import_id = $1`,
    [id],
  );
});
afterAll(() => test.close());

interface Row {
  line: number | null;
  handle: string;
  state: string;
  reason: string | null;
  [field: string]: unknown;
}

const get = async (path: string) => {
  const { status, text, headers } = await ask(test, 'GET', path, { authorization: `Bearer ${alice.token}` });
  return { status, headers, body: JSON.parse(text) };
};
const rows = async (query = '', of = id) => {
  const { status, headers, body } = await get(`/api/v1/imports/${of}/rows${query}`);
  expect(status).toBe(200);
  return { rows: body as Row[], link: headers['link'] };
};
/** The lines of all pages, by their links. */
async function walk(query: string): Promise<{ lines: (number | null)[]; pages: number }> {
  const lines: (number | null)[] = [];
  let pages = 0;
  for (let next: string | undefined = query; next !== undefined; pages++) {
    const { rows: page, link } = await rows(next);
    lines.push(...page.map(({ line }) => line));
    next = link === undefined ? undefined : new URL(/^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? '').search;
  }
  return { lines, pages };
}
const linesWhere = (isWanted: (line: number) => boolean) =>
  Array.from({ length: 1200 }, (_, n) => n + 1).filter(isWanted);

describe('GET /api/v1/imports/:id/rows', () => {
  it('answers a hundred rows in the order of the list, each with all its fields', async () => {
    const { status, headers, body } = await get(`/api/v1/imports/${id}/rows`);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      link: `<${PUB}/api/v1/imports/${id}/rows?limit=100&cursor=100>; rel="next"`,
    });
    expect(body.map(({ line }: Row) => line)).toEqual(linesWhere((line) => line <= 100));
    const options = { reblogs: true, notify: false, languages: null };
    const common = { account_id: null, options, updated_at: expect.stringMatching(ISO), retryable: false };
    const nothing = { reason: null, message: null };
    expect(body.slice(0, 3)).toEqual([
      {
        line: 1,
        handle: 'row1',
        state: 'failed',
        ...common,
        reason: 'not_found',
        message: 'This instance does not know this account.',
      },
      { line: 2, handle: 'row2', state: 'pending', ...common, ...nothing },
      { line: 3, handle: 'row3', state: 'applied', ...common, ...nothing },
    ]);
  });

  it.each([
    [
      'follow',
      'Account address,Show boosts,Notify on new posts,Languages\nbob,no,yes,"de, en"',
      {
        reblogs: false,
        notify: true,
        languages: ['de', 'en'],
      },
    ],
    ['mute', 'Account address,Hide notifications\nbob,false', { notifications: false }],
    ['block', 'Account address\nbob', {}],
  ])('tells the options of a %s', async (kind, list, options) => {
    const of = (await importList(test, alice, { kind, list })).id;
    const accountId = uuidv7();
    await test.dataSource.query(
      `update import_row set state = 'requested', account_id = $2, updated_at = '2026-01-02T03:04:05.678Z' where import_id = $1`,
      [of, accountId],
    );
    expect((await rows('', of)).rows).toEqual([
      {
        line: 2,
        handle: 'bob',
        state: 'requested',
        reason: null,
        message: null,
        retryable: false,
        account_id: accountId,
        options,
        updated_at: '2026-01-02T03:04:05.678Z',
      },
    ]);
  });

  it('tells the lines of the file, what was skipped, and what overwriting removed', async () => {
    const list = `Account address\n\n${alice.name}\nbob\nBOB@localhost:3000\n\nno handle\na@127.0.0.1\n`;
    const of = (await importList(test, alice, { kind: 'block', list })).id;
    await test.dataSource.query(
      `insert into import_row (import_id, position, handle, options, state) values ($1, 6, 'carol', '{}', 'removed')`,
      [of],
    );
    const told = (await rows('', of)).rows.map(({ line, handle, state, reason, message }) => [
      line,
      handle,
      state,
      reason,
      message,
    ]);
    expect(told).toEqual([
      [3, alice.name, 'skipped', 'self', 'This is yourself.'],
      [4, 'bob', 'pending', null, null],
      [5, 'bob', 'skipped', 'duplicate', 'This account stands further up already.'],
      [7, 'no handle', 'failed', 'not_a_handle', REASONS['not_a_handle']?.[0]],
      [8, 'a@127.0.0.1', 'failed', 'host_not_allowed', REASONS['host_not_allowed']?.[0]],
      [null, 'carol', 'removed', null, null],
    ]);
  });

  it('says every reason in words, and whether sending it again may help', async () => {
    const list = Object.keys(REASONS).flatMap((_, n) => [`bob${n}@far.example`, `bob${n}`]);
    const of = (await importList(test, alice, { list: list.join('\n') })).id;
    await test.dataSource.query(
      `update import_row r set state = 'failed', reason = s.reason from unnest($2::text[]) with ordinality as s (reason, n)
       where import_id = $1 and (position + 1) / 2 = s.n`,
      [of, Object.keys(REASONS)],
    );
    const told = (await rows('', of)).rows.map(({ reason, message, retryable }) => [reason, message, retryable]);
    expect(told).toEqual(
      Object.entries(REASONS).flatMap(([reason, [remote, local, retryable]]) => [
        [reason, remote, retryable],
        [reason, local, retryable],
      ]),
    );
  });

  it.each<[string, (line: number) => boolean]>([
    ['state=failed', (line) => line % 3 === 1],
    ['state=applied,pending', (line) => line % 3 !== 1],
    ['state=,applied,', (line) => line % 3 === 0],
    ['state=', () => true],
    ['reason=host_timeout', (line) => line % 9 === 4],
    ['reason=host_timeout,internal', (line) => line % 9 === 4 || line % 9 === 7],
    ['state=failed&reason=not_found', (line) => line % 9 === 1],
    ['state=applied&reason=not_found', () => false],
    ['state=FAILED', () => false],
    [`state=${encodeURIComponent("failed' or '1'='1")}`, () => false],
  ])('keeps to %s, over all pages', async (query, isWanted) => {
    expect((await walk(`?${query}&limit=77`)).lines).toEqual(linesWhere(isWanted));
  });

  it.each([
    ['limit=1', 1],
    ['limit=500', 500],
    ['limit=501', 500],
    ['limit=0', 1],
    ['limit=-1', 1],
  ])('answers %s with %i', async (query, count) => {
    expect((await rows(`?${query}`)).rows).toHaveLength(count);
  });

  it('leads to the end by its links, which keep what was asked for', async () => {
    expect(await walk('?limit=500')).toEqual({ lines: linesWhere(() => true), pages: 3 });
    expect(await walk('?limit=400')).toEqual({ lines: linesWhere(() => true), pages: 3 });
    const { link } = await rows('?state=failed,applied&reason=not_found,internal&limit=2');
    expect(link).toBe(
      `<${PUB}/api/v1/imports/${id}/rows?state=failed%2Capplied&reason=not_found%2Cinternal&limit=2&cursor=7>; rel="next"`,
    );
  });

  it.each(['cursor=1200', 'cursor=999999999'])('has nothing behind %s', async (query) => {
    expect(await rows(`?${query}`)).toEqual({ rows: [], link: undefined });
  });

  it.each([
    ['cursor=x', 'cursor - Invalid value'],
    ['cursor=-1', 'cursor - Invalid value'],
    ['cursor=1.5', 'cursor - Invalid value'],
    ['cursor=9999999999', 'cursor - Invalid value'],
    ['limit=x', 'limit - Invalid value'],
    ['state[]=failed', 'state - Invalid string'],
  ])('refuses %s', async (query, message) => {
    const pointer = `/${message.split(' ', 1)[0]}`;
    expect(await get(`/api/v1/imports/${id}/rows?${query}`)).toMatchObject({
      status: 400,
      body: { error: `${message}.`, errors: [{ title: 'Invalid value', source: { pointer }, message }] },
    });
  });

  it('refuses a filter that is given twice', async () => {
    expect(await get(`/api/v1/imports/${id}/rows?state=failed&state=applied`)).toMatchObject({
      status: 400,
      body: { error: 'A parameter is given more than once' },
    });
  });
});
