import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type EvilFaults, type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { cookiesOf, outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { callLinks, provider } from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => (config.sso.providers = [provider('evil', evil.url)]));
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  evil.forget();
});

const begin = (fields: object) => callLinks(test, person, 'post').send(fields);
const flowsOf = ({ id }: Person) => test.dataSource.query('select from sso_flow where user_id = $1', [id]);

describe('POST /api/v1/sso, with wrong fields', () => {
  const fieldError = (sentence: string, field: string) => ({
    status: 400,
    body: {
      error: sentence,
      errors: [{ title: 'Invalid value', source: { pointer: `/${field}` }, message: sentence.replace(/\.$/, '') }],
    },
  });

  it.each([
    [{}, 'Missing field: issuer.', 'issuer'],
    [{ password: PASSWORD }, 'Missing field: issuer.', 'issuer'],
    [{ issuer: 5 }, 'issuer - Invalid string.', 'issuer'],
    [{ issuer: ['evil'] }, 'issuer - Invalid string.', 'issuer'],
    [{ issuer: 'ev\u0001il' }, 'issuer - Invalid value.', 'issuer'],
    [{ issuer: 'evil', password: 5 }, 'password - Invalid string.', 'password'],
    [{ issuer: 'evil', password: null }, 'password - Invalid string.', 'password'],
    [{ issuer: 'evil', page: 'perhaps' }, 'page - Invalid value.', 'page'],
  ])('%j is malformed', async (fields, sentence, field) => {
    expect(await outcomeOf(begin(fields))).toStrictEqual(fieldError(sentence, field));
  });

  it('reads no issuer from the query', async () => {
    expect(await outcomeOf(begin({}).query({ issuer: 'evil' }))).toStrictEqual(
      fieldError('Missing field: issuer.', 'issuer'),
    );
  });

  it.each([
    ['nowhere', 'Issuer nowhere not found'],
    ['__proto__', 'Issuer __proto__ not found'],
    ['a'.repeat(64), `Issuer ${'a'.repeat(64)} not found`],
    ['a'.repeat(65), 'Issuer not found'],
    ['Evil', 'Issuer not found'],
    ['evil ', 'Issuer not found'],
    ['', 'Issuer not found'],
    ['../evil', 'Issuer not found'],
    ['<b>evil</b>', 'Issuer not found'],
    ['https://example.com', 'Issuer not found'],
  ])('%j is no provider', async (issuer, error) => {
    for (const more of [{}, { page: true }, { password: 'wrong' }])
      expect(await outcomeOf(begin({ issuer, ...more }))).toStrictEqual({ status: 404, body: { error } });
    expect(evil.total).toBe(0);
  });
});

describe('POST /api/v1/sso, while the provider is in trouble', () => {
  const FAULTS: EvilFaults[] = [
    { discovery: 'says 500' },
    { discovery: 'is not JSON' },
    { discovery: 'redirects' },
    { discovery: 'names another issuer' },
    { discovery: 'has no endpoints' },
  ];
  let shaky: EvilIssuer;
  beforeAll(async () => {
    shaky = await startEvilIssuer();
  });
  beforeEach(() => {
    // Nothing is known of it yet.
    const [known] = test.config.sso.providers;
    test.config.sso.providers = [known!, provider('shaky', shaky.url)];
  });
  afterEach(async () => {
    shaky.faults = {};
    await shaky.restart();
  });
  afterAll(() => shaky.stop());

  const outcome = async () => {
    const answer = await begin({ issuer: 'shaky' });
    const { status, body, headers } = answer;
    const flows = await flowsOf(person);
    return { status, body, retryAfter: headers['retry-after'], cookies: cookiesOf(answer), flows };
  };
  const AWAY = { status: 503, body: { error: 'Service unavailable' }, retryAfter: '2', cookies: [], flows: [] };

  it.each(FAULTS)('says that it is away: %j', async (faults) => {
    shaky.faults = faults;
    expect(await outcome()).toStrictEqual(AWAY);
    expect(shaky.elsewhere.total).toBe(0);
  });

  it('says so when nobody listens; our own page does not need it', async () => {
    await shaky.stop();
    expect(await outcome()).toStrictEqual(AWAY);
    const page = await begin({ issuer: 'shaky', page: true });
    expect(page.body.link).toMatch(/\/oauth\/sso\/link\?ticket=[\w-]{43}$/);
  });
});
