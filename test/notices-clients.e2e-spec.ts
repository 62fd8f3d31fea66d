import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  createUser,
  INVALID_GRANT,
  obtainCode,
  obtainTokens,
  outcomeOf,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  type SignedIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { journalOfPerson, lettersTo } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';
import { enter } from './support/settings.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let people = 0;
let name: string;
let id: string;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
  client = await registerClient(test, { client_name: 'Tusky', scopes: 'read write follow push profile' });
});

const decide = ({ cookie, code }: SignedIn, more: Record<string, string> = {}) => {
  const { client_id, redirect_uri } = client;
  const request = test.http.post('/api/auth/redirect').set('Cookie', cookie).set('User-Agent', FIREFOX);
  return request.type('form').send({ client_id, redirect_uri, code, ...more });
};
const refresh = ({ refresh_token }: Tokens) =>
  requestToken(test, client, { grant_type: 'refresh_token', refresh_token }).set('User-Agent', FIREFOX);
const count = async (letter: string) => (await lettersTo(test, id)).filter((one) => one === letter).length;
/** The parallel tabs of a refresh token are over. */
const letOverlapPass = ({ id: sessionId }: Tokens) =>
  test.dataSource.query(`update refresh_token set used_at = used_at - interval '31 seconds' where session_id = $1`, [
    sessionId,
  ]);

/** One mail to the owner that tells when, from where and with what. */
async function expectMail(subject: RegExp, app = ''): Promise<string> {
  const mail = await smtp.next({ to: `${name}@example.org`, subject });
  for (const form of [mail.text, mail.html]) {
    expect(form).toContain(name);
    expect(form).toContain(app);
    expect(form).toMatch(/\d{1,2} \w+ \d{4}, \d\d:\d\d UTC/);
    expect(form).toContain('127.0.0.1');
    expect(form).toContain('Firefox on Linux');
    expect(form).toContain(`${PUB}/oauth/reset`);
  }
  return mail.text;
}

describe('the mail about a client that may write (contract.md §3.5.3)', () => {
  it('names it at its first approval, and only then', async () => {
    const answer = await decide(await signIn(test, client, name, { scope: 'read write' }));
    expect(answer.status).toBe(302);
    await expectMail(/^An app may now write for your account at Gatehouse$/, 'Tusky');
    const { code = '' } = redirectOf(answer).sent;
    const tokens = (await requestToken(test, client, redemption(client, code))).body as Tokens;
    expect((await refresh(tokens)).status).toBe(200);
    await obtainTokens(test, client, name, 'read write');
    await obtainTokens(test, client, name, 'follow');
    expect(await count('client_may_write')).toBe(1);
  });

  it.each([
    ['write', 1],
    ['write:blocks', 1],
    ['follow', 1],
    ['read write:statuses', 1],
    ['read', 0],
    ['read:accounts profile', 0],
    ['push', 0],
  ])('is for what can change something: %s', async (scope, letters) => {
    await obtainTokens(test, client, name, scope);
    expect(await count('client_may_write')).toBe(letters);
  });

  it('is for what was granted, not for what was asked', async () => {
    await decide(await signIn(test, client, name, { scope: 'read write' }), { scope: 'read' });
    expect(await count('client_may_write')).toBe(0);
  });

  it('comes when a client that could only read may write at last', async () => {
    await obtainTokens(test, client, name, 'read');
    expect(await count('client_may_write')).toBe(0);
    await obtainTokens(test, client, name, 'write');
    expect(await count('client_may_write')).toBe(1);
  });

  it('comes for each client and each person', async () => {
    await obtainTokens(test, client, name, 'write');
    client = await registerClient(test, { client_name: 'Tusky' });
    await obtainTokens(test, client, name, 'write');
    expect(await count('client_may_write')).toBe(2);
    id = await createUser(test, `${name}_too`);
    await obtainTokens(test, client, `${name}_too`, 'write');
    expect(await count('client_may_write')).toBe(1);
  });

  it('does not come for a denial, nor for our own settings', async () => {
    await decide(await signIn(test, client, name, { scope: 'write' }), { decision: 'deny' });
    await enter(test, name);
    const [{ scope }] = await test.dataSource.query('select scope from session where user_id = $1', [id]);
    expect(scope).toMatch(/write/);
    expect(await count('client_may_write')).toBe(0);
  });

  it('comes once when the button is pressed twice, at once or one after the other', async () => {
    const browser = await signIn(test, client, name, { scope: 'write' });
    const roadblock = await Roadblock.put(test, 'select from authorization_code where user_id = $1 for share', [id]);
    const both = [begin(decide(browser)), begin(decide(browser))];
    await roadblock.queue(2);
    await roadblock.lift();
    const locations = (await Promise.all(both)).map(({ headers }) => headers['location']);
    expect(new Set(locations).size).toBe(1);
    expect(await approve(test, client, browser)).toBe(browser.code);
    expect(await count('client_may_write')).toBe(1);
  });

  it('follows when the mail server is away', async () => {
    await smtp.stop();
    expect((await decide(await signIn(test, client, name))).status).toBe(302);
    await smtp.start();
    await expectMail(/may now write/, 'Tusky');
  });
});

describe('the mail about a key that was used again (contract.md §2.5.1, §2.5.2, security.md R53, R60)', () => {
  it('tells of a refresh token, once; the session ends and no other', async () => {
    const bystander = await obtainTokens(test, client, name);
    const old = await obtainTokens(test, client, name);
    const fresh = (await refresh(old)).body as Tokens;
    expect((await refresh(old)).status).toBe(200);
    expect(await count('session_reused')).toBe(0);
    await letOverlapPass(old);
    expect(await outcomeOf(refresh(old))).toStrictEqual(INVALID_GRANT);
    for (const token of [old.access_token, fresh.access_token]) expect(await statusOf(test, token)).toBe(401);
    expect(await outcomeOf(refresh(fresh))).toStrictEqual(INVALID_GRANT);
    expect(await outcomeOf(refresh(old))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, bystander.access_token)).toBe(200);
    const text = await expectMail(/^We ended a session of your account at Gatehouse$/);
    expect(text).toContain(`${PUB}/settings`);
    expect(await count('session_reused')).toBe(1);
    expect((await journalOfPerson(test, id)).filter((type) => type === 'refresh.reused')).toHaveLength(1);
  });

  it('tells of a code, once', async () => {
    const code = await obtainCode(test, client, name);
    const redeem = () => requestToken(test, client, redemption(client, code)).set('User-Agent', FIREFOX);
    const { access_token } = (await redeem()).body as Tokens;
    expect(await count('session_reused')).toBe(0);
    for (let n = 0; n < 3; n++) expect(await outcomeOf(redeem())).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, access_token)).toBe(401);
    await expectMail(/^We ended a session/);
    expect(await count('session_reused')).toBe(1);
  });

  it('is written once for several at once', async () => {
    const old = await obtainTokens(test, client, name);
    await refresh(old);
    await letOverlapPass(old);
    const answers = await Promise.all([refresh(old), refresh(old), refresh(old)]);
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(await count('session_reused')).toBe(1);
  });

  it('is not written for the token of another client, of an ended session, or an unknown one', async () => {
    const old = await obtainTokens(test, client, name);
    await refresh(old);
    await letOverlapPass(old);
    const stranger = await registerClient(test);
    const shown = { grant_type: 'refresh_token', refresh_token: old.refresh_token };
    expect(await outcomeOf(requestToken(test, stranger, shown))).toStrictEqual(INVALID_GRANT);
    const unknown = { ...shown, refresh_token: 'A'.repeat(43) };
    expect(await outcomeOf(requestToken(test, client, unknown))).toStrictEqual(INVALID_GRANT);
    const { client_id, client_secret } = client;
    await test.http.post('/oauth/revoke').send({ client_id, client_secret, token: old.refresh_token });
    expect(await outcomeOf(refresh(old))).toStrictEqual(INVALID_GRANT);
    expect(await count('session_reused')).toBe(0);
  });

  it('follows when the mail server is away: the session has ended at once', async () => {
    const code = await obtainCode(test, client, name);
    const redeem = () => requestToken(test, client, redemption(client, code)).set('User-Agent', FIREFOX);
    const { access_token } = (await redeem()).body as Tokens;
    await smtp.stop();
    expect(await outcomeOf(redeem())).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, access_token)).toBe(401);
    await smtp.start();
    await expectMail(/^We ended a session/);
  });
});
