import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PinoLogger } from 'nestjs-pino';
import { symbols } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilFaults, type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { ID_TOKEN_FAULTS } from './support/evil-tokens.js';
import {
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { CLIENT_ID, CLIENT_SECRET } from './support/issuer-server.js';
import { deliver, forgetProviders, giveIdentity, provider, startVisit } from './support/sso.js';

const SENTENCES = {
  server_error: 'The answer of the provider could not be trusted',
  temporarily_unavailable: 'The provider cannot be reached now',
};

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url, { auto_register: true })];
  });
  // One process runs many test files, and the log of its first app is that of all.
  Object.assign(PinoLogger.root, { [symbols.streamSym]: { write: (line: string) => test.logs.push(line) } });
  await test.listen();
  client = await registerClient(test);
  // Whoever a wrong token might be taken for is somebody: to be taken is to be signed in.
  for (const [n, subject] of ['alice', 'null', '5', 'somebody-else'].entries())
    await giveIdentity(test, { id: await createUser(test, `person${n}`) }, evil.url, subject);
  await giveIdentity(test, { id: await createUser(test, 'elsewhere') }, 'https://accounts.example.com', 'alice');
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(() => {
  evil.claims = { sub: 'alice', preferred_username: 'mallory', email: 'mallory@example.org', email_verified: true };
  evil.tokenRequests.length = 0;
  test.logs.length = 0;
});
afterEach(() => {
  evil.faults = {};
  evil.metadata = {};
  evil.forget();
  forgetProviders(test);
});

async function rows(): Promise<Record<string, number>> {
  const { job: _, ...others } = await countRows(test);
  return others;
}

/** A whole sign-in, in which these go wrong after it began; nothing secret of it may be in the log. */
async function signIn(faults: EvilFaults = {}) {
  const query = oauthQuery(client, { state: 'a state' });
  const { location, cookie } = await startVisit(test, { ...query, issuer: 'evil' });
  const callback = await evilCallback(location);
  evil.faults = faults;
  const before = await rows();
  const answer = await deliver(test, callback, cookie);
  const log = test.logs.join('\n');
  const { state, nonce } = redirectOf({ headers: { location } }).sent;
  const accessTokens = [...evil['accessTokens'].keys()];
  const sent = evil.tokenRequests.flatMap(({ parameters }) => [
    parameters.get('code'),
    parameters.get('code_verifier'),
  ]);
  for (const secret of [...sent, ...accessTokens, state, nonce, cookie.split('=')[1], 'a secret: 100', 'eyJ'])
    expect(log.includes(secret ?? ''), `the log holds ${secret}`).toBe(false);
  const isUnchanged = JSON.stringify(await rows()) === JSON.stringify(before);
  const cookies = cookiesOf(answer);
  const outcome = {
    status: answer.status,
    ...redirectOf(answer),
    cookies,
    isUnchanged,
    elsewhere: evil.elsewhere.total,
  };
  return { outcome, challenge: new URL(location).searchParams.get('code_challenge'), log };
}

/** What it led to. */
const outcomeOf = async (faults?: EvilFaults) => (await signIn(faults)).outcome;

const SIGNED_IN = { status: 302, to: `${PUB}/oauth/consent`, isUnchanged: false };

/** What somebody is told whom the provider does not vouch for. */
const refused = (error: keyof typeof SENTENCES) => ({
  status: 302,
  to: `${PUB}/oauth/authorize`,
  sent: { ...oauthQuery(client, { state: 'a state' }), error, error_description: SENTENCES[error] },
  cookies: [],
  isUnchanged: true,
  elsewhere: 0,
});

describe('an ID token (OpenID Connect Core §3.1.3.7, security.md R91)', () => {
  it('that is right signs in', async () => {
    expect(await outcomeOf()).toMatchObject(SIGNED_IN);
  });

  it.each(ID_TOKEN_FAULTS.filter((fault) => fault !== 'no kid'))('is refused: %s', async (idToken) => {
    const { outcome, log } = await signIn({ idToken });
    expect(outcome).toEqual(refused('server_error'));
    expect(log).toContain('A provider did not vouch');
    expect(log).not.toContain('mallory');
    expect(evil.tokenRequests).toHaveLength(1);
  });

  it.each([['none'], ['HS256'], ['HS256', 'none', 'ES256']])(
    'is refused though the metadata name its algorithm: %s, …',
    async (...algorithms) => {
      evil.metadata = { id_token_signing_alg_values_supported: algorithms };
      for (const idToken of ['alg none', 'HS256 with the secret'] as const)
        expect(await outcomeOf({ idToken })).toEqual(refused('server_error'));
    },
  );

  it('is refused that names no key while there are two, and taken while there is one', async () => {
    const old = evil.kid;
    expect(await outcomeOf({ idToken: 'no kid' })).toMatchObject(SIGNED_IN);
    await evil.rotateKey();
    forgetProviders(test);
    expect(await outcomeOf({ idToken: 'no kid' })).toEqual(refused('server_error'));
    evil.removeKey(old);
  });

  const now = () => Math.floor(Date.now() / 1000);

  it.each<[string, () => object]>([
    ['ended half a minute ago', () => ({ exp: now() - 20 })],
    ['is of a clock that is minutes fast', () => ({ iat: now() + 200 })],
    ['names its audience in a list', () => ({ aud: [CLIENT_ID] })],
    ['says for whom it was asked', () => ({ azp: CLIENT_ID })],
  ])('is taken that %s', async (_, claims) => {
    Object.assign(evil.claims, claims());
    expect(await outcomeOf()).toMatchObject(SIGNED_IN);
  });

  it.each<[string, () => object]>([
    ['ended a minute ago', () => ({ exp: now() - 60 })],
    ['is of a clock that is ten minutes fast', () => ({ iat: now() + 600 })],
    ['counts from an hour on', () => ({ nbf: now() + 3600 })],
    ['has an audience that is an object', () => ({ aud: { [CLIENT_ID]: true } })],
    ['has a subject of 300 characters', () => ({ sub: 'x'.repeat(300) })],
    ['has a subject of two lines', () => ({ sub: 'ali\nce' })],
    ['has a subject that is a list', () => ({ sub: ['alice'] })],
  ])('is refused that %s', async (_, claims) => {
    Object.assign(evil.claims, claims());
    expect(await outcomeOf()).toEqual(refused('server_error'));
  });
});

describe('what else a provider answers (contract.md §3.7)', () => {
  it.each<[EvilFaults, keyof typeof SENTENCES]>([
    [{ token: 'invalid_grant' }, 'server_error'],
    [{ token: 'no ID token' }, 'server_error'],
    [{ token: 'is not JSON' }, 'server_error'],
    [{ token: 'redirects' }, 'server_error'],
    [{ token: 'says 500' }, 'temporarily_unavailable'],
    [{ token: 'is 10 MB long' }, 'temporarily_unavailable'],
    [{ token: 'never ends' }, 'temporarily_unavailable'],
    [{ userinfo: 'another sub' }, 'server_error'],
    [{ userinfo: 'no sub' }, 'server_error'],
    [{ userinfo: 'is not JSON' }, 'server_error'],
    [{ userinfo: 'redirects' }, 'server_error'],
    [{ userinfo: 'says 500' }, 'temporarily_unavailable'],
    [{ userinfo: 'is 10 MB long' }, 'temporarily_unavailable'],
    [{ userinfo: 'never ends' }, 'temporarily_unavailable'],
    [{ jwks: 'empty' }, 'server_error'],
    [{ jwks: 'is not JSON' }, 'temporarily_unavailable'],
    [{ jwks: 'redirects' }, 'temporarily_unavailable'],
    [{ jwks: 'says 500' }, 'temporarily_unavailable'],
    [{ jwks: 'is 10 MB long' }, 'temporarily_unavailable'],
    [{ jwks: 'never ends' }, 'temporarily_unavailable'],
  ])('vouches for nobody: %j', async (faults, error) => {
    expect(await outcomeOf(faults)).toEqual(refused(error));
  });

  it('is not told in the log, not even in parts: tokens that are no JSON', async () => {
    const broken = createServer((_, response) => response.setHeader('content-type', 'application/json').end('canary'));
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    evil.metadata = { token_endpoint: `http://127.0.0.1:${(broken.address() as AddressInfo).port}/token` };
    const { outcome, log } = await signIn();
    broken.close();
    expect(outcome).toEqual(refused('server_error'));
    expect(log).toContain('A provider did not vouch');
    expect(log).not.toContain('canary');
  });
});

describe('the token request (contract.md §3.7, RFC 6749 §4.1.3, RFC 7636 §4.5)', () => {
  it.each([
    ['client_secret_basic', 'nothing of it', undefined, {}],
    ['client_secret_basic', 'both ways', ['client_secret_post', 'client_secret_basic'], {}],
    ['client_secret_post', 'only that', ['client_secret_post'], { client_id: CLIENT_ID, client_secret: CLIENT_SECRET }],
  ])('authenticates by %s where the metadata say %s', async (authMethod, _, offered, credentials) => {
    evil.metadata = { token_endpoint_auth_methods_supported: offered };
    const { outcome, challenge } = await signIn();
    expect(outcome).toMatchObject(SIGNED_IN);
    const [request, ...others] = evil.tokenRequests;
    expect(others).toEqual([]);
    expect(request?.authMethod).toBe(authMethod);
    const { code_verifier: verifier = '', ...parameters } = Object.fromEntries(request?.parameters ?? []);
    expect(parameters).toEqual({
      grant_type: 'authorization_code',
      code: expect.any(String),
      redirect_uri: `${PUB}/oauth/sso/evil/callback`,
      ...credentials,
    });
    expect(verifier).toMatch(/^[\w-]{43}$/);
    expect(createHash('sha256').update(verifier).digest('base64url')).toBe(challenge);
  });

  it('says who we are where there is no secret', async () => {
    test.config.sso.providers = [provider('evil', evil.url, { client_secret: null })];
    await signIn();
    expect(evil.tokenRequests).toMatchObject([{ authMethod: 'none' }]);
    expect(evil.tokenRequests[0]?.parameters.get('client_id')).toBe(CLIENT_ID);
    test.config.sso.providers = [provider('evil', evil.url)];
  });

  it('is followed by no other where there is no userinfo', async () => {
    evil.metadata = { userinfo_endpoint: undefined };
    expect(await outcomeOf()).toMatchObject(SIGNED_IN);
    const counts = (['discovery', 'jwks', 'token', 'userinfo'] as const).map((place) => evil.count(place));
    expect(counts).toEqual([1, 1, 1, 0]);
  });
});
