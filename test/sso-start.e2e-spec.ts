import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../src/common/secrets.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { ask, cookiesOf, oauthQuery, pkcePair, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { CLIENT_ID, PATHS } from './support/issuer-server.js';
import { forgetProviders, provider } from './support/sso.js';

const SECRET = /^[\w-]{43}$/;
const FORM = 'application/x-www-form-urlencoded';
const ICON = 'https://evil.example/icon.png';

let test: TestApp;
let secure: TestApp;
let evil: EvilIssuer;
let client: TestClient;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [
      provider('evil', evil.url, { icon: ICON }),
      provider('a_b-3', evil.url, { scopes: 'openid groups' }),
    ];
  });
  secure = await startApp((config) => {
    config.publicUrl = 'https://id.example';
    config.sso = { forced: true, providers: [provider('evil', evil.url)] };
  }, test.database);
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await secure.close();
  await test.close();
  await evil.stop();
});
afterEach(async () => {
  evil.metadata = {};
  forgetProviders(test);
  await test.dataSource.query('truncate sso_flow');
});

/** The only row, with how long it lives, in seconds. */
async function flowOf() {
  const rows = await test.dataSource.query(
    `select id, kind, provider, parameters, user_id, used_at, encode(state_hash, 'hex') as state,
       encode(browser_hash, 'hex') as browser, extract(epoch from expires_at - now())::float as seconds from sso_flow`,
  );
  expect(rows).toHaveLength(1);
  return rows[0];
}

/** What the redirect of a start says to the provider. */
const sentBy = (answer: { headers: Record<string, string> }) => redirectOf(answer).sent;

describe.each([
  ['GET with a query', (fields: Record<string, string>) => test.http.get('/oauth/sso').query(fields)],
  ['POST with a query', (fields: Record<string, string>) => test.http.post('/oauth/sso').query(fields)],
  ['POST of a form', (fields: Record<string, string>) => test.http.post('/oauth/sso').type('form').send(fields)],
  ['POST of JSON', (fields: Record<string, string>) => test.http.post('/oauth/sso').send(fields)],
  [
    'POST of a form, the issuer in the path',
    ({ issuer, ...fields }: Record<string, string>) => test.http.post(`/oauth/sso/${issuer}`).type('form').send(fields),
  ],
  [
    'POST with a query, the issuer in the path',
    ({ issuer, ...fields }: Record<string, string>) => test.http.post(`/oauth/sso/${issuer}`).query(fields),
  ],
])('%s (contract.md §3.6)', (_, start) => {
  it('leads to the provider, and keeps a flow that is bound to this browser', async () => {
    const request = {
      ...oauthQuery(client, { state: 'a state\r\n', code_challenge: pkcePair().challenge }),
      code_challenge_method: 'S256',
    };
    const answer = await start({ ...request, issuer: 'evil' });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${evil.url}${PATHS.authorize}`);
    expect(sent).toEqual({
      client_id: CLIENT_ID,
      redirect_uri: `${PUB}/oauth/sso/evil/callback`,
      response_type: 'code',
      scope: 'openid profile email',
      state: expect.stringMatching(SECRET),
      nonce: expect.stringMatching(SECRET),
      code_challenge: expect.stringMatching(SECRET),
      code_challenge_method: 'S256',
    });
    const flow = await flowOf();
    const lines = cookiesOf(answer);
    const [, value = ''] = /=([^;]*)/.exec(lines[0] ?? '') ?? [];
    expect(value).toMatch(SECRET);
    expect(lines).toEqual([`gh_flow_${flow.id.slice(0, 8)}=${value}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax`]);
    expect(flow).toEqual({
      id: expect.stringMatching(SECRET),
      kind: 'login',
      provider: 'evil',
      parameters: request,
      user_id: null,
      used_at: null,
      state: sha256(sent['state'] ?? '').toString('hex'),
      browser: sha256(value).toString('hex'),
      seconds: expect.closeTo(595, -1),
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('the redirect to a provider (contract.md §3.6, security.md R89)', () => {
  const start = (more: Record<string, string> = {}, { http } = test) =>
    http.get('/oauth/sso').query({ ...oauthQuery(client), issuer: 'evil', ...more });

  it('has nothing in common with the next one, though the browser is the same', async () => {
    const first = await start();
    const second = await start().set('cookie', cookiesOf(first).join('; '));
    const secrets = [first, second].flatMap((answer) => {
      const { state, nonce, code_challenge: challenge } = sentBy(answer);
      const [name, value] = cookiesOf(answer)[0]?.split(/[=;]/) ?? [];
      return [state, nonce, challenge, name, value];
    });
    expect(new Set(secrets).size).toBe(10);
    // Whoever reads the cookie or the URL has not read the others.
    const [, nonce, challenge, , value = ''] = secrets;
    expect([nonce, challenge]).not.toContain(createHash('sha256').update(value).digest('base64url'));
  });

  it('says nothing of the client that wants the sign-in', async () => {
    const { challenge } = pkcePair();
    const answer = await start({ state: 'canary', code_challenge: challenge, code_challenge_method: 'S256' });
    for (const secret of ['canary', challenge, client.client_id, 'app.example'])
      expect(decodeURIComponent(answer.headers['location'] ?? '')).not.toContain(secret);
  });

  it('keeps the query that the endpoint has', async () => {
    evil.metadata = { authorization_endpoint: `${evil.url}${PATHS.authorize}?tenant=a%20b&x=1` };
    const { to, sent } = redirectOf(await start());
    expect(to).toBe(`${evil.url}${PATHS.authorize}`);
    expect(sent).toMatchObject({ tenant: 'a b', x: '1', client_id: CLIENT_ID });
    expect(Object.keys(sent)).toHaveLength(10);
  });

  it('asks for the scopes that are configured, and comes back to the provider’s own path', async () => {
    expect(sentBy(await start({ issuer: 'a_b-3' }))).toMatchObject({
      scope: 'openid groups',
      redirect_uri: `${PUB}/oauth/sso/a_b-3/callback`,
    });
  });

  it('takes what is absent from the client’s registration', async () => {
    const answer = await test.http.get('/oauth/sso').query({ issuer: 'evil', client_id: client.client_id });
    expect(answer.headers['location']).toContain(PATHS.authorize);
    expect((await flowOf()).parameters).toEqual({
      client_id: client.client_id,
      redirect_uri: client.redirect_uri,
      response_type: 'code',
      scope: 'read write follow push',
    });
  });

  it.each([
    ['the query', 'GET', '', 'scope=read+write'],
    ['the query, numbered', 'GET', '', 'scope%5B0%5D=read&scope%5B1%5D=write'],
    ['a form, numbered, as Versia’s frontend does', 'POST', '/evil', 'scope[0]=read&scope[1]=write'],
    ['a form, as a list', 'POST', '', 'scope[]=read&scope[]=write'],
    ['a form, by its other name', 'POST', '', 'scopes=read+write'],
    ['a form, by its other name and numbered', 'POST', '/evil', 'scopes[0]=read&scopes[1]=write'],
  ])('takes the scope from %s', async (_, method, path, scope) => {
    const fields = `client_id=${client.client_id}${path === '' ? '&issuer=evil' : ''}&${scope}`;
    const { status } =
      method === 'GET'
        ? await ask(test, 'GET', `/oauth/sso?${fields}`)
        : await ask(test, 'POST', `/oauth/sso${path}`, { 'content-type': FORM }, fields);
    expect(status).toBe(302);
    expect((await flowOf()).parameters).toMatchObject({ scope: 'read write' });
  });

  it.each(['scope', 'scopes'])('takes %s from a list in JSON', async (name) => {
    const answer = await test.http
      .post('/oauth/sso')
      .send({ client_id: client.client_id, issuer: 'evil', [name]: ['read', 'write'] });
    expect(answer.status).toBe(302);
    expect((await flowOf()).parameters).toMatchObject({ scope: 'read write' });
  });

  it('is given to forms of other sites as well, since nothing is changed by it (contract.md §0.9)', async () => {
    for (const path of ['/oauth/sso', '/oauth/sso/evil']) {
      const answer = await test.http
        .post(path)
        .set({ origin: 'https://frontend.example', 'sec-fetch-site': 'cross-site' })
        .type('form')
        .send(path === '/oauth/sso' ? { ...oauthQuery(client), issuer: 'evil' } : oauthQuery(client));
      expect(redirectOf(answer).to).toBe(`${evil.url}${PATHS.authorize}`);
      expect(cookiesOf(answer)).toHaveLength(1);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('goes with a cookie that no other host can plant, where the public URL is https', async () => {
    const answer = await start({}, secure);
    expect(sentBy(answer)['redirect_uri']).toBe('https://id.example/oauth/sso/evil/callback');
    const { id } = await flowOf();
    const line = `^__Host-gh_flow_${id.slice(0, 8)}=[\\w-]{43}; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax$`;
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(new RegExp(line))]);
  });
});

describe.each(['/api/v1/instance', '/api/v2/instance'])('GET %s (contract.md §8)', (path) => {
  it('names the providers in their order, each with an icon, and nothing else of them', async () => {
    const [here, there] = await Promise.all([test.http.get(path), secure.http.get(path)]);
    expect(here.body.sso).toEqual({
      forced: false,
      providers: [
        { id: 'evil', name: 'Evil', icon: ICON },
        { id: 'a_b-3', name: 'A_b-3', icon: `${PUB}/assets/provider.svg` },
      ],
    });
    expect(there.body.sso).toEqual({
      forced: true,
      providers: [{ id: 'evil', name: 'Evil', icon: 'https://id.example/assets/provider.svg' }],
    });
  });
});
