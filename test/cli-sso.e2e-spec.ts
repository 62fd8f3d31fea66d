import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newPerson } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms, ROOT } from './support/build.js';
import { type CliOutcome, runCliWith } from './support/cli.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { countRows, registerClient } from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { CLIENT_ID, CLIENT_SECRET } from './support/issuer-server.js';
import { giveIdentity } from './support/sso.js';

const PUBLIC_URL = 'http://localhost:3999';

let test: TestApp;
let honest: HonestIssuer;
let evil: EvilIssuer;
let folder: string;
/** What the commands have in their environment. */
let env: Record<string, string>;

/** The configuration file of one test. */
function configure(providers: object[]): Record<string, string> {
  const path = join(folder, `${providers.length}.yaml`);
  writeFileSync(path, stringify({ sso: { providers } }));
  return { GATEHOUSE_CONFIG: path };
}

beforeAll(async () => {
  honest = await startHonestIssuer({ redirectUris: [`${PUBLIC_URL}/oauth/sso/honest/callback`], accounts: [] });
  evil = await startEvilIssuer();
  test = await startApp();
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-cli-sso-'));
  const known = { client_id: CLIENT_ID, client_secret: CLIENT_SECRET };
  env = configure([
    { id: 'honest', name: 'Honest', issuer: honest.url, ...known, allow: { groups: ['members'] } },
    { id: 'evil', name: 'Evil', issuer: evil.url, ...known },
  ]);
  await buildPrograms();
});
afterAll(async () => {
  await test.close();
  await Promise.all([honest.stop(), evil.stop()]);
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  evil.metadata = {};
});

const sso = (...args: string[]): Promise<CliOutcome> => runCliWith(env, test.database, 'sso', ...args);
const mistaken = (sentence: string): CliOutcome => ({ code: 1, stdout: '', stderr: `${sentence}\n` });

/** The same with something on standard input. */
async function feed(input: string, ...args: string[]): Promise<CliOutcome> {
  const child = spawn(process.execPath, ['dist/cli.js', 'sso', ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      PUBLIC_URL,
      DATABASE_URL: test.database.url,
      DATA_DIR: join(folder, 'data'),
      SECRET_KEY: 'a test key of more than thirty-two characters',
      ...env,
    },
  });
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

describe('sso list', { timeout: 60_000 }, () => {
  it('tells the configured providers and the callback to register at each, without a database', async () => {
    const nowhere = { ...env, DATABASE_URL: 'postgresql://127.0.0.1:1/nothing' };
    const { code, stdout, stderr } = await runCliWith(nowhere, test.database, 'sso', 'list', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual([
      {
        id: 'honest',
        name: 'Honest',
        issuer: honest.url,
        callback: `${PUBLIC_URL}/oauth/sso/honest/callback`,
      },
      { id: 'evil', name: 'Evil', issuer: evil.url, callback: `${PUBLIC_URL}/oauth/sso/evil/callback` },
    ]);
    expect((await sso('list')).stdout).toContain(`│ '${PUBLIC_URL}/oauth/sso/evil/callback'`);
    expect(await runCliWith(configure([]), test.database, 'sso', 'list')).toEqual({
      code: 0,
      stdout: 'No provider is configured (sso.providers).\n',
      stderr: '',
    });
  });
});

describe('sso doctor', { timeout: 60_000 }, () => {
  it('finds nothing wrong with an honest provider, and tells what to register there, without a database', async () => {
    const nowhere = { ...env, DATABASE_URL: 'postgresql://127.0.0.1:1/nothing' };
    const { code, stdout, stderr } = await runCliWith(nowhere, test.database, 'sso', 'doctor', 'honest');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replace(/agree to \d+ s/, 'agree')).toBe(`\
fine     The discovery document is at ${honest.url}/.well-known/openid-configuration
fine     The clocks agree
fine     The issuer is ${honest.url}, as configured
fine     authorization_endpoint is ${honest.url}/authorize
fine     token_endpoint is ${honest.url}/token
fine     jwks_uri is ${honest.url}/jwks
fine     userinfo_endpoint is ${honest.url}/userinfo
fine     The authorization code flow is offered
fine     PKCE with S256 is offered
fine     ID tokens can be signed with RS256
fine     The client authenticates by client_secret_basic
fine     The scopes asked for are offered: openid profile email
fine     The provider names itself in its answers (RFC 9207)
fine     The provider can tell when a session has ended there (back-channel logout)
fine     People can sign out at the provider, too: ${honest.url}/session/end
fine     token_endpoint answers (status 404 without credentials, which is as it should be)
fine     userinfo_endpoint answers (status 401 without credentials, which is as it should be)
fine     1 of 1 published keys can verify ID tokens

To register at Honest:
  redirect URI             ${PUBLIC_URL}/oauth/sso/honest/callback
  post-logout redirect URI ${PUBLIC_URL}/
  back-channel logout URI  ${PUBLIC_URL}/oauth/sso/honest/backchannel-logout
`);
  });

  it('says both issuers when they differ, drives no terminal, and exits with 1', async () => {
    evil.metadata = { issuer: 'https://else.example/\u001B[2J' };
    const { code, stdout, stderr } = await sso('doctor', 'evil');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Nobody can sign in by evil until what is marked trouble is mended\n',
    });
    expect(stdout).toContain(
      `\ntrouble  The provider calls itself https://else.example/ [2J, the configuration ${evil.url}: if it is the right`,
    );
    expect(stdout).toContain(`  redirect URI             ${PUBLIC_URL}/oauth/sso/evil/callback\n`);
  });

  it('names the configured ids when it does not know one', async () => {
    expect(await sso('doctor', 'keycloak')).toEqual(
      mistaken('There is no provider keycloak: configured are honest, evil'),
    );
    expect(await runCliWith(configure([]), test.database, 'sso', 'doctor', 'evil')).toEqual(
      mistaken('There is no provider evil: none is configured (sso.providers)'),
    );
  });
});

describe('sso simulate', { timeout: 60_000 }, () => {
  it('tells in words what a sign-in would do, and changes nothing', async () => {
    const person = await newPerson(test, await registerClient(test));
    await giveIdentity(test, person, honest.url, 'sub-1');
    // Its mail may be sent meanwhile.
    const before = { ...(await countRows(test)), job: expect.any(Number) };
    const claims = { sub: 'sub-1', groups: ['visitors', 'members'], amr: ['pwd'] };
    expect(await feed(JSON.stringify(claims), 'simulate', 'honest')).toEqual({
      code: 0,
      stdout: `\
Identity:       sub-1 of ${honest.url}
Admission:      let in: groups has members
Role:           none by the claims
Second factor:  the provider's does not count here: acr nothing, amr pwd; mfa_acr has nothing, mfa_amr nothing
Account:        ${person.name}, active, user
                second factor none is set up here: would not be asked for
Outcome:        ${person.name} would be signed in
`,
      stderr: '',
    });
    const json = await feed(JSON.stringify({ id_token: claims, userinfo: {} }), 'simulate', 'honest', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      identity: { issuer: honest.url, subject: 'sub-1' },
      account: { username: person.name },
      outcome: { code: 'signed_in', sentence: `${person.name} would be signed in` },
    });
    expect(await countRows(test)).toEqual(before);
  });

  it.each([
    ['', 'Standard input is empty: give it a JSON object with claims'],
    [
      '{"sub": ',
      'Standard input is not JSON: give it an object with claims, such as {"sub": "1234", "groups": ["members"]}',
    ],
    ['["sub"]', 'Standard input must be a JSON object with claims'],
    ['{"groups": []}', 'There is no sub: it says who somebody is, and every ID token has one'],
  ])('refuses %j', async (input, sentence) => {
    expect(await feed(input, 'simulate', 'honest')).toEqual(mistaken(sentence));
  });

  it('names the configured ids when it does not know one', async () => {
    expect(await feed('{"sub": "1"}', 'simulate', 'nowhere')).toEqual(
      mistaken('There is no provider nowhere: configured are honest, evil'),
    );
  });
});
