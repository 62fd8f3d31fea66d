import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  ask,
  cookiesOf,
  countRows,
  oauthQuery,
  pkcePair,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { PATHS } from './support/issuer-server.js';
import { provider } from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let popular: TestClient;
let open: TestClient;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url)];
  });
  await test.listen();
  client = await registerClient(test);
  popular = await registerClient(test, { redirect_uris: ['https://app.example/1', 'https://app.example/2'] });
  open = await registerClient(test, { token_endpoint_auth_method: 'none' });
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
afterEach(() => {
  evil.forget();
});

type Fields = Record<string, string>;

/** A right start, but for what is undefined or different in `more`. */
const request = (more: Record<string, string | undefined> = {}, of = client): Fields =>
  oauthQuery(of, { state: 'a state', issuer: 'evil', ...more });

const WAYS: [string, (fields: Fields) => ReturnType<TestApp['http']['get']>][] = [
  ['GET', (fields) => test.http.get('/oauth/sso').query(fields)],
  ['POST', (fields) => test.http.post('/oauth/sso').type('form').send(fields)],
];

/** Whole answers to a start, and that it has left nothing behind and asked nobody. */
async function refusalsOf(fields: Fields) {
  const before = await countRows(test);
  const answers = [];
  for (const [, start] of WAYS) answers.push(await start(fields));
  expect(await countRows(test)).toEqual(before);
  expect([evil.connections, evil.total]).toEqual([0, 0]);
  for (const answer of answers) expect(cookiesOf(answer)).toEqual([]);
  return answers;
}

describe('a start that is wrong (contract.md §3.6, security.md R88)', () => {
  const NO_CLIENT = { error: 'invalid_request', error_description: 'client_id is required' };
  const WRONG_CLIENT = { error: 'invalid_client', error_description: 'Unknown client_id' };
  const WRONG_URI = {
    error: 'invalid_request',
    error_description: 'redirect_uri is not registered for this client',
  };

  it.each<[string, () => Fields, object]>([
    ['no client', () => request({ client_id: undefined }), NO_CLIENT],
    ['an empty client', () => request({ client_id: '' }), NO_CLIENT],
    ['an unknown client', () => request({ client_id: 'x'.repeat(43) }), WRONG_CLIENT],
    ['the id of ours at the provider for the client', () => request({ client_id: 'gatehouse' }), WRONG_CLIENT],
    ['another redirect URI', () => request({ redirect_uri: 'https://evil.example/cb' }), WRONG_URI],
    ['a redirect URI that begins alike', () => request({ redirect_uri: `${client.redirect_uri}&a=b` }), WRONG_URI],
    ['an empty redirect URI', () => request({ redirect_uri: '' }), WRONG_URI],
    ['no redirect URI where two are registered', () => request({ redirect_uri: undefined }, popular), WRONG_URI],
    ['all of it wrong', () => ({ client_id: 'x', redirect_uri: 'y', scope: 'z', issuer: 'w' }), WRONG_CLIENT],
  ])('is refused without a redirect: %s', async (_, fields, body) => {
    for (const answer of await refusalsOf(fields()))
      expect([answer.status, answer.body, answer.headers['location']]).toEqual([400, body, undefined]);
  });

  const CHALLENGE = pkcePair().challenge;

  it.each<[string, () => Fields, string, string]>([
    [
      'another response type',
      () => request({ response_type: 'token' }),
      'unsupported_response_type',
      'response_type must be code',
    ],
    [
      'a scope that is not the client’s',
      () => request({ scope: 'read admin' }),
      'invalid_scope',
      'The scope admin is not registered for this client',
    ],
    ['an empty scope', () => request({ scope: '' }), 'invalid_scope', 'scope must be words separated by one space'],
    [
      'a plain challenge',
      () => request({ code_challenge: CHALLENGE, code_challenge_method: 'plain' }),
      'invalid_request',
      'code_challenge_method must be S256',
    ],
    [
      'a challenge without a method',
      () => request({ code_challenge: CHALLENGE }),
      'invalid_request',
      'code_challenge_method must be S256',
    ],
    [
      'a challenge that is none',
      () => request({ code_challenge: 'short', code_challenge_method: 'S256' }),
      'invalid_request',
      'code_challenge must be 43 to 128 unreserved characters',
    ],
    [
      'no challenge of a public client',
      () => request({}, open),
      'invalid_request',
      'code_challenge is required for a public client',
    ],
    [
      'a wrong scope and a wrong issuer',
      () => request({ scope: 'admin', issuer: 'nobody' }),
      'invalid_scope',
      'The scope admin is not registered for this client',
    ],
  ])('leads back to the login page: %s', async (_, fields, error, description) => {
    const { issuer: __, ...oauth } = fields();
    for (const answer of await refusalsOf(fields())) {
      expect(answer.status).toBe(302);
      expect(redirectOf(answer)).toEqual({
        to: `${PUB}/oauth/authorize`,
        sent: { ...oauth, error, error_description: description },
      });
    }
  });

  const invalidIssuer = (oauth: Fields) => ({
    to: `${PUB}/oauth/authorize`,
    sent: { ...oauth, error: 'invalid_request', error_description: 'issuer is invalid' },
  });
  const NOT_IDS = [
    '',
    'nobody',
    'Evil',
    ' evil',
    'evil ',
    'evil/',
    '../evil',
    '..',
    'evil/../evil',
    'evil%00',
    'Evil,evil',
    '0',
    'null',
    '__proto__',
    'constructor',
    'toString',
    '[object Object]',
    'javascript:alert(1)',
    'http://169.254.169.254/latest/meta-data',
  ];

  it('leads back to the login page: an issuer that is not configured, whatever it looks like', async () => {
    const { issuer: _, ...oauth } = request();
    const names = [undefined, ...NOT_IDS, evil.url, `${evil.url}/`, `${evil.url}${PATHS.authorize}`];
    for (const issuer of names) {
      for (const answer of await refusalsOf(request({ issuer })))
        expect({ issuer, status: answer.status, ...redirectOf(answer) }).toEqual({
          issuer,
          status: 302,
          ...invalidIssuer(oauth),
        });
    }
  });

  it('leads back to the login page: such an issuer in the path', async () => {
    const { issuer: _, ...oauth } = request();
    const before = await countRows(test);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams(request()).toString();
    const names = [...NOT_IDS, evil.url].filter((id) => id !== '');
    for (const id of names) {
      const answer = await ask(test, 'POST', `/oauth/sso/${encodeURIComponent(id)}`, form, body);
      expect({ id, status: answer.status, ...redirectOf(answer) }).toEqual({
        id,
        status: 302,
        ...invalidIssuer(oauth),
      });
    }
    expect(await countRows(test)).toEqual(before);
    expect([evil.connections, evil.total]).toEqual([0, 0]);
  });

  it('is refused: a parameter twice, a list for a text, a control character', async () => {
    const before = await countRows(test);
    const query = new URLSearchParams(request()).toString();
    for (const wrong of ['&issuer=evil', '&issuer[]=evil', '&state=b', `&scopes[0]=%00`, '&code_challenge=%0a'])
      expect({ wrong, status: (await ask(test, 'GET', `/oauth/sso?${query}${wrong}`)).status }).toMatchObject({
        status: 400,
      });
    const json = { ...request(), scope: [['read'], { a: 'b' }] };
    expect((await test.http.post('/oauth/sso').send(json)).status).toBe(400);
    expect(await countRows(test)).toEqual(before);
    expect(evil.connections).toBe(0);
  });

  it('is refused: HEAD', async () => {
    const before = await countRows(test);
    const answer = await test.http.head('/oauth/sso').query(request());
    expect({ status: answer.status, allow: answer.headers['allow'] }).toEqual({ status: 405, allow: 'GET' });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await countRows(test)).toEqual(before);
    expect(evil.connections).toBe(0);
  });
});
