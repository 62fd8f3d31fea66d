import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, registerClient } from './support/flows.js';
import { fates, imported, type Importer, newImporter } from './support/import-lists.js';

let test: TestApp;
let me: Importer;
let other: Importer;
const locked: { name: string; id: string; token: string }[] = [];
beforeAll(async () => {
  test = await startApp();
  const client = await registerClient(test, { scopes: 'read write follow' });
  [me, other] = [await newImporter(test, 'myself'), await newImporter(test, 'other')];
  for (const name of ['willing', 'unwilling', 'silent']) {
    const id = await createUser(test, name, { locked: true });
    locked.push({ name, id, token: (await obtainTokens(test, client, name, 'read write follow')).access_token });
  }
});
afterAll(() => test.close());

describe('a row that waits for an answer (contract.md §7.4)', () => {
  it('becomes what the answer is, after its import has finished, and only for who asked', async () => {
    const list = locked.map(({ name }) => name);
    const [mine, theirs] = [
      await imported(test, me, { kind: 'follow' }, list),
      await imported(test, other, { kind: 'follow' }, list),
    ];
    expect(mine).toMatchObject({ state: 'finished', counts: { requested: 3 } });
    const answer = ({ token }: { token: string }, word: string) =>
      test.http.post(`/api/v1/follow_requests/${me.id}/${word}`).auth(token, { type: 'bearer' });
    expect((await answer(locked[0]!, 'authorize')).status).toBe(200);
    expect((await answer(locked[1]!, 'reject')).status).toBe(200);

    expect(await fates(test, me, mine.id)).toEqual([
      'willing: applied',
      'unwilling: failed rejected',
      'silent: requested',
    ]);
    expect(await fates(test, other, theirs.id)).toEqual([
      'willing: requested',
      'unwilling: requested',
      'silent: requested',
    ]);
    const { body } = await test.http.get(`/api/v1/imports/${mine.id}`).auth(me.token, { type: 'bearer' });
    expect(body.counts).toMatchObject({ rows: 3, applied: 1, failed: 1, requested: 1 });
    const rows = await test.http.get(`/api/v1/imports/${mine.id}/rows?state=failed`).auth(me.token, { type: 'bearer' });
    expect(rows.body).toMatchObject([
      { handle: 'unwilling', reason: 'rejected', message: 'This account has rejected your request.' },
    ]);
  });
});
