import { PinoLogger } from 'nestjs-pino';
import { symbols } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  approve,
  ask,
  clientToken,
  createUser,
  oauthQuery,
  PASSWORD,
  redemption,
  registerClient,
  requestToken,
  signIn,
  type TestClient,
} from './support/flows.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

describe('the log and the journal', () => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp();
    // One process runs many test files, and the log of its first app is that of all.
    Object.assign(PinoLogger.root, { [symbols.streamSym]: { write: (line: string) => test.logs.push(line) } });
    await test.listen();
    client = await registerClient(test);
    await createUser(test, 'carol');
  });
  afterAll(() => test.close());

  const query = (more = {}) => new URLSearchParams(oauthQuery(client, { scope: 'read', ...more })).toString();
  const login = (search: string, body: string, more = {}) =>
    ask(test, 'POST', `/api/auth/login?${search}`, { ...FORM, ...more }, body);
  const credentials = new URLSearchParams({ identifier: 'carol', password: PASSWORD }).toString();

  /** With a table away, whatever needs it fails. */
  async function without(table: string, work: () => Promise<{ status: number }>): Promise<void> {
    await test.dataSource.query(`alter table "${table}" rename to away`);
    const { status } = await work();
    await test.dataSource.query(`alter table away rename to "${table}"`);
    expect(status).toBe(500);
  }

  it('hold no secret and no forged line (security.md R15)', async () => {
    test.logs.length = 0;
    const browser = await signIn(test, client, 'carol', { state: 'canary-state' });
    const code = await approve(test, client, browser);
    const { body } = await requestToken(test, client, redemption(client, code));
    await requestToken(test, client, redemption(client, code));
    await ask(test, 'GET', '/api/oauth_tokens', { authorization: `Bearer ${body.access_token}` });
    await ask(test, 'GET', `/api/oauth_tokens?access_token=${body.refresh_token}`, {
      authorization: `Bearer ${body.access_token}`,
    });
    await login(query({ state: 'canary-state' }), 'identifier=carol&password=canary-password', {
      'user-agent': 'a\u009b31mb',
    });
    await login(
      query(),
      `identifier=${encodeURIComponent('evil\r\n{"level":50,"msg":"forged"}\u001b[31m')}&password=canary-password`,
    );
    await without('user', () =>
      login(query(), 'identifier=carol&password=canary-password', { cookie: browser.cookie }),
    );
    await without('authorization_code', () => login(query({ state: 'canary-state' }), credentials));
    await ask(test, 'GET', '/%0d%0aforged%1b[31m');
    const lines = test.logs.join('');
    const journal = JSON.stringify(await test.dataSource.query('select * from audit_event'));
    const canaries = [
      PASSWORD,
      'canary-password',
      'canary-state',
      code,
      body.access_token,
      body.refresh_token,
      client.client_secret,
      browser.cookie.slice(4),
    ];
    for (const canary of canaries) {
      expect(lines).not.toContain(canary);
      expect(journal).not.toContain(canary);
    }
    expect(test.logs.length).toBeGreaterThan(5);
    for (const line of test.logs) {
      expect(line).toMatch(/^\{[^\n]*\}\n$/);
      expect(JSON.parse(line).msg).not.toBe('forged');
      // oxlint-disable-next-line no-control-regex
      expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
  });

  it('name a fault with its cause and its request, and nothing of the row that was to be written', async () => {
    test.logs.length = 0;
    await without('authorization_code', async () => {
      const answer = await login(query(), credentials);
      expect(JSON.parse(answer.text)).toEqual({ error: 'server_error', error_description: 'Internal server error' });
      const faults = test.logs.map((line) => JSON.parse(line)).filter(({ level, err }) => level === 50 && err);
      expect(faults).toMatchObject([{ reqId: answer.headers['x-request-id'], msg: 'Internal server error' }]);
      const { message, ...err } = faults[0].err;
      expect(message).toBe('relation "authorization_code" does not exist');
      expect(err).toEqual({ type: 'error', stack: expect.any(String), code: '42P01' });
      return answer;
    });
  });

  it('hold no address and no hash when the database names the row that it refused', async () => {
    test.logs.length = 0;
    await test.dataSource.query(`alter table "user" add constraint no_dave check (username <> 'dave')`);
    const answer = await test.http
      .post('/api/v1/accounts')
      .auth(await clientToken(test, client, 'write'), { type: 'bearer' })
      .send({ username: 'dave', email: 'dave@canary.example', password: PASSWORD, agreement: true });
    await test.dataSource.query(`alter table "user" drop constraint no_dave`);
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({ error: 'Internal server error' });
    expect(test.logs.join('')).toContain('no_dave');
    expect(test.logs.join('')).not.toContain('canary.example');
    expect(test.logs.join('')).not.toContain('$argon2id$');
  });
});
