import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  cookiesOf,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { callLinks, openTicket, provider } from './support/sso.js';

const THROTTLED = { status: 429, body: { error: 'Throttled' } };
const WRONG = { status: 422, body: { error: 'Invalid password.' } };

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.limits.enabled = true;
    config.trustProxy = 1;
    config.sso.providers = [provider('evil', evil.url)];
  });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  await test.dataSource.query('truncate attempt_budget');
  evil.forget();
});

let addresses = 0;
const elsewhere = () => `203.0.113.${++addresses}`;

const begin = (fields: object, ip = elsewhere()) =>
  callLinks(test, person, 'post')
    .set('X-Forwarded-For', ip)
    .send({ issuer: 'evil', ...fields });
const submit = (fields: object, ip = elsewhere()) =>
  test.http.post('/api/auth/sso/link').set('X-Forwarded-For', ip).type('form').send(fields);
const login = async (password: string, ip = elsewhere()) => {
  const fields = { identifier: person.name, password };
  const answer = await postLogin(test, oauthQuery(client), fields).set('X-Forwarded-For', ip);
  return answer.status === 302 ? redirectOf(answer).sent['error'] : answer.status;
};

describe('the password of a link (contract.md §1.1, security.md R79)', () => {
  it('has one budget with the sign-in and the page', async () => {
    const ticket = await openTicket(test, person, 'evil');
    for (let n = 0; n < 4; n++) {
      expect(await outcomeOf(begin({ password: `wrong ${n}` }))).toStrictEqual(WRONG);
      expect(await login(`wrong ${n}`)).toBe('invalid_grant');
    }
    for (let n = 0; n < 2; n++) {
      const answer = await submit({ ticket, password: `wrong ${n}` });
      expect(redirectOf(answer).sent['error_description']).toBe('Invalid password.');
    }
    const throttled = await begin({ password: PASSWORD });
    expect({ status: throttled.status, body: throttled.body }).toStrictEqual(THROTTLED);
    expect(Number(throttled.headers['retry-after'])).toBeGreaterThan(0);
    expect(cookiesOf(throttled)).toEqual([]);
    expect(await outcomeOf(submit({ ticket, password: PASSWORD }))).toStrictEqual(THROTTLED);
    expect(await login(PASSWORD)).toBe(429);
    // A sign-in of just now needs no password.
    expect((await begin({})).status).toBe(200);
  });

  it('is full again after a right one', async () => {
    for (let n = 0; n < 9; n++) await begin({ password: `wrong ${n}` });
    expect((await begin({ password: PASSWORD })).status).toBe(200);
    for (let n = 0; n < 10; n++) expect((await begin({ password: `wrong ${n}` })).status).toBe(422);
    expect(await outcomeOf(begin({ password: PASSWORD }))).toStrictEqual(THROTTLED);
  });
});

describe('starts at a provider, by address (contract.md §1.1)', () => {
  it('are twenty a minute, whatever they are for', async () => {
    const ip = elsewhere();
    const ticket = await openTicket(test, person, 'evil');
    await test.dataSource.query('truncate attempt_budget');
    for (let n = 0; n < 17; n++) {
      const answer = await begin({ page: true }, ip);
      expect(answer.headers).toMatchObject({
        'x-ratelimit-limit': '20',
        'x-ratelimit-remaining': String(19 - n),
        'x-ratelimit-reset': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      });
    }
    const query = { ...oauthQuery(client), issuer: 'evil' };
    const start = (at: string) => test.http.get('/oauth/sso').query(query).set('X-Forwarded-For', at);
    expect((await start(ip)).status).toBe(302);
    expect((await submit({ ticket }, ip)).status).toBe(302);
    expect((await begin({ issuer: 'nowhere' }, ip)).status).toBe(404);
    evil.forget();
    const [tickets] = await test.dataSource.query('select count(*) from sso_link_ticket');
    for (const request of [begin({}, ip), start(ip), submit({ ticket, password: PASSWORD }, ip)]) {
      const answer = await request;
      expect({ status: answer.status, body: answer.body }).toStrictEqual(THROTTLED);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect(evil.total).toBe(0);
    expect(await test.dataSource.query('select count(*) from sso_link_ticket')).toEqual([tickets]);
    expect((await begin({})).status).toBe(200);
    expect((await start(elsewhere())).status).toBe(302);
  });
});
