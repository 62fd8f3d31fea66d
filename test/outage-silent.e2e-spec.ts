import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { createUser, oauthQuery, obtainTokens, postLogin, registerClient, type TestClient } from './support/flows.js';
import { Wire } from './support/wire.js';

describe('the database silent: connections stand, and nothing comes back (security.md D3)', () => {
  let database: TestDatabase;
  let wire: Wire;
  let test: TestApp;
  let client: TestClient;
  let token: string;
  beforeAll(async () => {
    database = await createDatabase();
    wire = await Wire.to(database.url);
    test = await startApp(() => {}, { url: wire.url, drop: async () => {} });
    await test.listen();
    client = await registerClient(test);
    await createUser(test, 'alice');
    token = (await obtainTokens(test, client, 'alice')).access_token;
  });
  afterAll(async () => {
    await test.close();
    await wire.cut();
    await database.drop();
  });

  const list = () => test.http.get('/api/oauth_tokens').auth(token, { type: 'bearer' });
  /** Writes, so it takes a connection of the pool. */
  const register = () =>
    test.http.post('/api/v1/apps').send({ client_name: 'x', redirect_uris: 'https://app.example/cb' });
  const login = () => postLogin(test, oauthQuery(client, { scope: 'read' }));

  it('hangs nobody: 503 within four seconds, live all the while, and well again within five', async () => {
    // Some connections of the pool are open.
    await Promise.all([list(), list(), register(), register(), login()]);
    wire.clog();
    const asked = [list(), login(), register(), list(), login(), register()].map((request) =>
      Promise.race([request.then(({ status }) => status), pause(4000, 'hangs')]),
    );
    expect((await test.http.get('/health/live')).status).toBe(200);
    const ready = await test.http.get('/health/ready');
    const outcomes = await Promise.all(asked);
    await wire.mend();
    expect(ready.body).toEqual({ status: 'unavailable', reasons: ['database'] });
    await expect.poll(async () => (await login()).status, { timeout: 5000, interval: 50 }).toBe(302);
    expect((await list()).status).toBe(200);
    expect(outcomes).toEqual(asked.map(() => 503));
  });
});
