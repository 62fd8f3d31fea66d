import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mailsOf, openLink, requestChange, resetPassword, resetToken, titles } from './support/account-mails.js';
import {
  act,
  changePassword,
  DONE,
  expectNoFoothold,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  PREFIXES,
  refused,
  rowOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  outcomeOf,
  PASSWORD,
  registerClient,
  requestToken,
  sendAs,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'a new horse with new batteries';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.instance.title = 'Gatehouse';
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const change = (person: { token: string }, fields: object) => act(test, person, 'change_password', fields);
const refresh = ({ refresh_token }: Tokens) =>
  outcomeOf(requestToken(test, client, { grant_type: 'refresh_token', refresh_token }));

describe('POST /api/pleroma/change_password', () => {
  it.each(PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, changes the password',
    async (prefix, form) => {
      const { name, token } = await newPerson(test, client);
      const request = test.http.post(`${prefix}/change_password`).auth(token, { type: 'bearer' });
      const answer = await sendAs(request, form, changePassword(NEW));
      expect({ status: answer.status, body: answer.body }).toStrictEqual(DONE);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
      expect(answer.headers).not.toHaveProperty('set-cookie');
      expect(await signInOutcome(test, client, name)).toBe('Invalid identifier or password');
      expect(await signInOutcome(test, client, name, NEW)).toBe('signed in');
    },
  );

  it('leaves nothing alive but the calling session (contract.md §4.5, security.md R84)', async () => {
    const person = await newPerson(test, client);
    const held = await takeFootholds(test, client, person.name);
    const link = await requestChange(test, smtp, person, newAddress());
    expect(await change(person, changePassword(NEW))).toStrictEqual(DONE);

    expect(await statusOf(test, person.token)).toBe(200);
    await expectNoFoothold(test, client, person.id, held);
    expect(await statusOf(test, held.other.access_token)).toBe(401);
    expect(await openLink(test, link)).toBe(404);
    expect(await linksOf(test, person.id)).toEqual([]);
    // Also its refresh token.
    expect((await refresh(person.tokens)).status).toBe(200);
    const { body } = await test.http.get('/api/oauth_tokens').auth(person.token, { type: 'bearer' });
    expect(body.map(({ id }: { id: number }) => id)).toEqual([person.tokens.id]);
  });

  it('voids the mail with which somebody asked for another password', async () => {
    const person = await newPerson(test, client);
    const token = await resetToken(test, smtp, person.email);
    expect(await change(person, changePassword(NEW))).toStrictEqual(DONE);
    expect(await resetPassword(test, token, 'yet another horse')).toBe('invalid_token');
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('signed in');
  });

  it('tells the owner by mail, with time, address and device, and notes it in the journal once', async () => {
    const person = await newPerson(test, client);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, async () => {
      const request = test.http.post('/api/pleroma/change_password').auth(person.token, { type: 'bearer' });
      const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';
      const evil = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
      await request.set({ 'User-Agent': agent, ...evil }).send(changePassword(NEW));
    });
    expect(titles(mails)).toEqual([[person.email, 'password_changed']]);
    const [mail] = mails;
    expect(mail?.envelope.to).toEqual([person.email]);
    for (const text of [mail!.text, mail!.html]) expect(text).toMatch(/127\.0\.0\.1[\s\S]*Firefox/);
    expect(mail!.raw).not.toMatch(/evil|horse/);
    for (const link of mail!.links) expect(link).toMatch(`${test.config.publicUrl}/`);
    const rows = await test.dataSource.query(
      `select type, ip, request_id from audit_event where user_id = $1 and type = 'password.changed'`,
      [person.id],
    );
    expect(rows).toEqual([{ type: 'password.changed', ip: '127.0.0.1', request_id: expect.any(String) }]);
    expect(await newEvents(test, person.id)).toEqual(['password.changed']);
  });

  it('changes nothing when it refuses, and tells nobody', async () => {
    const person = await newPerson(test, client);
    const { other } = await takeFootholds(test, client, person.name);
    const before = await rowOf(test, person.id);
    const mails = await mailsOf(test, smtp, async () => {
      await change(person, changePassword(NEW, 'a wrong one'));
      await change(person, changePassword('password'));
      await change(person, { ...changePassword(NEW), new_password_confirmation: '' });
    });
    expect(mails).toEqual([]);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await statusOf(test, other.access_token)).toBe(200);
    expect(await newEvents(test, person.id)).not.toContain('password.changed');
  });

  it('lets exactly one of two at once win, and the loser’s session dies with the rest', async () => {
    const person = await newPerson(test, client);
    const { other } = await takeFootholds(test, client, person.name);
    const rivals = [
      { token: person.token, wanted: 'the first of two passwords' },
      { token: other.access_token, wanted: 'the second of two passwords' },
    ];
    const answers = await Promise.all(rivals.map(({ token, wanted }) => change({ token }, changePassword(wanted))));
    const won = answers.findIndex(({ body }) => 'status' in (body as object));
    expect([answers[won], answers[1 - won]]).toStrictEqual([DONE, refused('Invalid password.')]);
    const [winner, loser] = [rivals[won]!, rivals[1 - won]!];
    expect(await statusOf(test, winner.token)).toBe(200);
    expect(await statusOf(test, loser.token)).toBe(401);
    expect(await signInOutcome(test, client, person.name, winner.wanted)).toBe('signed in');
    expect(await signInOutcome(test, client, person.name, loser.wanted)).toBe('Invalid identifier or password');
  });
});

describe('the rules of change_password', () => {
  it('are judged in the order of the contract: each sentence stands before those below it', async () => {
    const person = await newPerson(test, client);
    const attempt = (password: string, new_password: string, new_password_confirmation: string) =>
      change(person, { password, new_password, new_password_confirmation });
    await newEvents(test, person.id);
    expect(await attempt('wrong', '', 'x')).toStrictEqual(refused('Invalid password.'));
    expect(await newEvents(test, person.id)).toEqual(['password.refused']);
    expect(await attempt(PASSWORD, '', 'x')).toStrictEqual(refused("New password can't be blank."));
    expect(await attempt(PASSWORD, 'short', 'x')).toStrictEqual(refused('New password does not match confirmation.'));
    expect(await attempt(PASSWORD, '1234567', '1234567')).toStrictEqual(
      refused('New password is too short (minimum is 8 characters).'),
    );
    expect(await statusOf(test, person.token)).toBe(200);
  });

  it.each([
    ['seven characters', 'zq7!xv%', 'is too short (minimum is 8 characters)'],
    ['seven characters of two units each', '😀'.repeat(7), 'is too short (minimum is 8 characters)'],
    ['1,025 bytes', 'é'.repeat(512) + 'x', 'is too long'],
    ['one of the commonest', 'Password123', 'is too common'],
    ['another common one', 'qwertyuiop', 'is too common'],
    ['the instance’s name', 'GATEHOUSE', 'is too similar to your account'],
  ])('refuse %s', async (_, wanted, why) => {
    const person = await newPerson(test, client);
    expect(await change(person, changePassword(wanted))).toStrictEqual(refused(`New password ${why}.`));
  });

  it('refuse the user name and the address, in any case', async () => {
    const person = await newPerson(test, client, { name: 'longenough' });
    for (const wanted of ['LongEnough', person.email.toUpperCase()])
      expect(await change(person, changePassword(wanted))).toStrictEqual(
        refused('New password is too similar to your account.'),
      );
  });

  it.each([
    ['eight characters', 'zq7!xv%k'],
    ['1,024 bytes', 'é'.repeat(512)],
    ['fifteen of one kind', 'jjjjkjjjjjjjjjj'],
    ['spaces at both ends, which are kept', '  horses  '],
    ['control characters and any script', 'tab\tnewline\n密码 ʻ🐴'],
  ])('accept %s, byte for byte', async (_, wanted) => {
    const person = await newPerson(test, client);
    expect(await change(person, changePassword(wanted))).toStrictEqual(DONE);
    expect(await signInOutcome(test, client, person.name, wanted)).toBe('signed in');
    const trimmed = await signInOutcome(test, client, person.name, wanted.trim());
    expect(trimmed === 'signed in').toBe(wanted === wanted.trim());
  });

  it('accept the operator’s minimum', async () => {
    const strict = await startApp((config) => (config.accounts.password_min = 12), test.database);
    const person = await newPerson(test, client);
    expect(await act(strict, person, 'change_password', changePassword('elevenchars'))).toStrictEqual(
      refused('New password is too short (minimum is 12 characters).'),
    );
    await strict.close();
  });
});
