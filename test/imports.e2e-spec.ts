import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, registerClient, type TestClient } from './support/flows.js';
import { ended } from './support/imports.js';

let test: TestApp;
let client: TestClient;
let token: string;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test, { scopes: 'read write follow' });
  await createUser(test, 'alice');
  await createUser(test, 'bob');
  token = (await obtainTokens(test, client, 'alice', 'read write follow')).access_token;
});
afterAll(() => test.close());

describe('POST /api/pleroma/follow_import', () => {
  it('follows who is here, and says of everybody else why not', async () => {
    const answer = await test.http.post('/api/pleroma/follow_import').auth(token, { type: 'bearer' }).send({
      list: 'Account address,Show boosts\nbob,false\nnobody,true\nalice,true\nwhat ever\nbob@localhost:3000,true\n',
    });
    expect([answer.status, answer.text]).toEqual([200, '"job started"']);
    const id = String(answer.headers['location']).split('/').at(-1) ?? '';
    const found = await ended(test, token, id);
    expect(found).toMatchObject({
      state: 'finished',
      counts: { rows: 5, applied: 1, failed: 2, skipped: 2, pending: 0 },
    });
  });

  it('takes ten thousand in', async () => {
    await test.dataSource.query(
      `insert into "user" (id, username) select gen_random_uuid(), 'person' || n from generate_series(1, 10000) n`,
    );
    const list = Array.from({ length: 10_000 }, (_, n) => `person${n + 1}`).join('\n');
    const answer = await test.http.post('/api/pleroma/follow_import').auth(token, { type: 'bearer' }).send({ list });
    expect(answer.status).toBe(200);
    const id = String(answer.headers['location']).split('/').at(-1) ?? '';
    expect((await ended(test, token, id)).counts).toMatchObject({ rows: 10_000, applied: 10_000 });
    const undone = await test.http.post(`/api/v1/imports/${id}/undo`).auth(token, { type: 'bearer' });
    expect(undone.body.state).toBe('undoing');
    expect((await ended(test, token, id)).counts).toMatchObject({ undone: 10_000 });
  });
});
