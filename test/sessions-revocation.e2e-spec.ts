import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  approve,
  BODY_FORMS,
  clientToken,
  createUser,
  INVALID_GRANT,
  obtainCode,
  obtainTokens,
  outcomeOf,
  redemption,
  registerClient,
  requestToken,
  sendAs,
  signIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { call } from './support/routes.js';

const LIST = { method: 'GET', url: '/api/oauth_tokens' };
const REVOKED = { status: 200, body: {} };
const NOT_FOUND = { status: 404, body: { error: 'Record not found' } };

let test: TestApp;
let client: TestClient;
let people = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { client_name: 'Pleroma FE', website: 'https://fe.example' });
});
afterAll(() => test.close());

/** A new person, so that their list is their own. */
async function person(): Promise<{ name: string; id: string }> {
  const name = `person${++people}`;
  return { name, id: await createUser(test, name) };
}
const obtain = (name: string, scope?: string) => obtainTokens(test, client, name, scope);
const list = async (token: string): Promise<{ id: number; current: boolean; valid_until: string }[]> => {
  const { status, body } = await call(test, LIST, token);
  expect(status).toBe(200);
  return body;
};
const refresh = ({ refresh_token }: Tokens) =>
  requestToken(test, client, { grant_type: 'refresh_token', refresh_token });
const journal = async (userId: string) => {
  const rows = await test.dataSource.query('select type from audit_event where user_id = $1 order by id', [userId]);
  return rows.map(({ type }: { type: string }) => type);
};

describe('DELETE /api/oauth_tokens/:id', () => {
  const remove = (id: string | number, token: string) =>
    call(test, { method: 'DELETE', url: `/api/oauth_tokens/${id}` }, token);

  it.each([...BODY_FORMS, 'empty'] as const)('ends one session, with a %s body', async (form) => {
    const { name, id } = await person();
    const [mine, gone] = [await obtain(name), await obtain(name)];
    const request = remove(`${gone.id}${form === 'json' ? '/' : ''}`, mine.access_token);
    const sent = form === 'empty' ? request.set('Content-Type', 'application/json') : sendAs(request, form, { a: 'b' });
    const answer = await sent;
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({});
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(await statusOf(test, gone.access_token)).toBe(401);
    expect(await outcomeOf(refresh(gone))).toStrictEqual(INVALID_GRANT);
    expect((await list(mine.access_token)).map((row) => row.id)).toStrictEqual([mine.id]);
    expect((await journal(id)).at(-1)).toBe('session.revoked');
  });

  it('ends the calling session, whose next use is refused', async () => {
    const { name } = await person();
    const mine = await obtain(name);
    expect(await outcomeOf(remove(mine.id, mine.access_token))).toStrictEqual(REVOKED);
    expect((await remove(mine.id, mine.access_token)).status).toBe(401);
    expect(await outcomeOf(refresh(mine))).toStrictEqual(INVALID_GRANT);
  });

  it('leaves signed-in browsers and codes alone', async () => {
    const { name } = await person();
    const [mine, gone] = [await obtain(name), await obtain(name)];
    const [code, browser] = [await obtainCode(test, client, name), await signIn(test, client, name)];
    await remove(gone.id, mine.access_token);
    await test.http.post('/oauth/revoke').send({ ...client, token: mine.access_token });
    expect(await statusOf(test, mine.access_token)).toBe(401);
    for (const good of [code, await approve(test, client, browser)])
      expect((await requestToken(test, client, redemption(client, good))).status).toBe(200);
  });

  it('answers 201 where the operator wants Pleroma-FE to notice', async () => {
    const noticed = await startApp((config) => (config.oauth.session_delete_status = 201), test.database);
    const { name } = await person();
    const [mine, gone] = [await obtain(name), await obtain(name)];
    const url = `/api/oauth_tokens/${gone.id}`;
    const answer = outcomeOf(call(noticed, { method: 'DELETE', url }, mine.access_token));
    expect(await answer).toStrictEqual({ status: 201, body: {} });
    const again = outcomeOf(call(noticed, { method: 'DELETE', url }, mine.access_token));
    expect(await again).toStrictEqual(NOT_FOUND);
    await noticed.close();
  });

  it('leaves strangers’ sessions alone, and says the same as of missing, ended and malformed ones', async () => {
    const [{ name }, stranger] = [await person(), await person()];
    const [mine, ended, theirs] = [await obtain(name), await obtain(name), await obtain(stranger.name)];
    await remove(ended.id, mine.access_token);
    const malformed = ['0', '-1', '01', '1e3', '1.0', '0x1', '1%20OR%201=1', '%00', '1%00', 'a', '1'.repeat(400)];
    const huge = ['9007199254740991', '9007199254740992', '9223372036854775808', '99999999999999999999'];
    for (const id of [theirs.id, ended.id, ...malformed, ...huge, 'a'.repeat(43)])
      expect(await outcomeOf(remove(id, mine.access_token)), String(id)).toStrictEqual(NOT_FOUND);
    expect(await statusOf(test, theirs.access_token)).toBe(200);
    expect((await list(mine.access_token)).length).toBe(1);
  });

  it('answers one of two at once', async () => {
    const { name } = await person();
    const [mine, gone] = [await obtain(name), await obtain(name)];
    const answers = await Promise.all([1, 2].map(() => remove(gone.id, mine.access_token)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toStrictEqual([200, 404]);
  });

  it('holds at once on another replica', async () => {
    const replica = await startApp(() => {}, test.database);
    await replica.listen();
    const { name } = await person();
    const [mine, gone] = [await obtain(name), await obtain(name)];
    expect(await statusOf(replica, gone.access_token)).toBe(200);
    await remove(gone.id, mine.access_token);
    expect(await statusOf(replica, gone.access_token)).toBe(401);
    await replica.close();
  });

  it('is no GET', async () => {
    const { name } = await person();
    const { access_token } = await obtain(name);
    const answer = await call(test, { method: 'GET', url: '/api/oauth_tokens/1' }, access_token);
    expect(answer.status).toBe(405);
    expect(answer.body).toStrictEqual({ error: 'Method not allowed' });
    expect(answer.headers['allow']).toBe('DELETE');
  });
});

describe('DELETE /api/oauth_tokens', () => {
  const removeAll = (token: string, query: Record<string, string> = {}, url = '/api/oauth_tokens') =>
    call(test, { method: 'DELETE', url }, token).query(query);
  /** Three sessions, a signed-in browser, and codes before and after consent. */
  const everything = async () => {
    const { name, id } = await person();
    const sessions = [await obtain(name), await obtain(name), await obtain(name)] as const;
    const code = await obtainCode(test, client, name);
    return { id, sessions, code, browser: await signIn(test, client, name) };
  };

  it.each<Record<string, string>>([{}, { keep_current: 'false' }, { keep_current: '0' }, { keep_current: 'off' }])(
    'ends all sessions, signed-in browsers and codes: %j',
    async (query) => {
      const [{ id, sessions, code, browser }, stranger] = [await everything(), await person()];
      const theirs = await obtain(stranger.name);
      expect(await outcomeOf(removeAll(sessions[0].access_token, query))).toStrictEqual(REVOKED);
      for (const session of sessions) {
        expect(await statusOf(test, session.access_token)).toBe(401);
        expect(await outcomeOf(refresh(session))).toStrictEqual(INVALID_GRANT);
      }
      expect(await outcomeOf(requestToken(test, client, redemption(client, code)))).toStrictEqual(INVALID_GRANT);
      await expect(approve(test, client, browser)).resolves.toBe('');
      expect((await journal(id)).at(-1)).toBe('session.revoked_all');
      expect(await statusOf(test, theirs.access_token)).toBe(200);
    },
  );

  it.each(['true', '1', 'on'])('keeps the calling session with keep_current=%s', async (keep_current) => {
    const { sessions, code, browser } = await everything();
    const [calling, ...others] = sessions;
    for (const url of ['/api/oauth_tokens/', '/api/oauth_tokens.json'])
      expect(await outcomeOf(removeAll(calling.access_token, { keep_current }, url))).toStrictEqual(REVOKED);
    for (const { access_token } of others) expect(await statusOf(test, access_token)).toBe(401);
    expect(await outcomeOf(requestToken(test, client, redemption(client, code)))).toStrictEqual(INVALID_GRANT);
    await expect(approve(test, client, browser)).resolves.toBe('');
    expect(await list(calling.access_token)).toMatchObject([{ id: calling.id, current: true }]);
    expect((await refresh(calling)).status).toBe(200);
  });

  it.each(['perhaps', '', 'TRUE', '2'])('refuses keep_current=%j and ends nothing', async (keep_current) => {
    const { name } = await person();
    const { access_token } = await obtain(name);
    const answer = await removeAll(access_token, { keep_current });
    expect(answer.status).toBe(400);
    expect(answer.body).toStrictEqual({
      error: 'keep_current - Invalid value.',
      errors: [
        { title: 'Invalid value', source: { pointer: '/keep_current' }, message: 'keep_current - Invalid value' },
      ],
    });
    expect(await statusOf(test, access_token)).toBe(200);
  });

  it('refuses keep_current given twice, and does not read it from the body', async () => {
    const { name } = await person();
    const { access_token } = await obtain(name);
    const twice = await removeAll(access_token, {}, '/api/oauth_tokens?keep_current=true&keep_current=true');
    expect(twice.status).toBe(400);
    expect(await statusOf(test, access_token)).toBe(200);
    expect((await removeAll(access_token).send({ keep_current: true })).status).toBe(200);
    expect(await statusOf(test, access_token)).toBe(401);
  });

  it('needs write, and a person', async () => {
    const { name } = await person();
    const { access_token } = await obtain(name, 'read write:accounts');
    expect(await outcomeOf(removeAll(access_token))).toStrictEqual({
      status: 403,
      body: { error: 'Insufficient permissions: write.' },
    });
    expect((await removeAll(await clientToken(test, client))).status).toBe(403);
    expect((await list(access_token)).length).toBe(1);
  });
});
