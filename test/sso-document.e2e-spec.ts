import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readClaimsInput } from '../src/cli/claims-input.js';
import { describeSimulation } from '../src/cli/describe-simulation.js';
import { simulateSignIn } from '../src/cli/sign-in-simulation.js';
import type { Config } from '../src/config/config.js';
import { loadConfig } from '../src/config/config.load.js';
import { backChannelLogoutUrl, callbackUrl, postLogoutUrl } from '../src/providers/provider.js';
import { startApp, type TestApp } from './support/app.js';
import { approve, createUser, redemption, registerClient, requestToken, signIn } from './support/flows.js';

const DOCUMENT = readFileSync(new URL('../docs/sso.md', import.meta.url), 'utf8');

/** What stands in the fenced blocks of one language. */
function blocks(language: string): string[] {
  return [...DOCUMENT.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  );
}

/** Reads a block as the instance of the document would. */
function load(yaml: string, folder: string): Config {
  const path = join(folder, 'gatehouse.yaml');
  writeFileSync(path, yaml);
  const secrets = [...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'from the environment']);
  return loadConfig({
    GATEHOUSE_CONFIG: path,
    DATA_DIR: folder,
    PUBLIC_URL: 'https://social.example.org',
    ...Object.fromEntries(secrets),
  });
}

describe('docs/sso.md', () => {
  let test: TestApp;
  let folder: string;
  let configs: Config[];
  beforeAll(async () => {
    test = await startApp();
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-sso-document-'));
    configs = blocks('yaml').map((yaml) => load(yaml, folder));
  });
  afterAll(async () => {
    await test.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('has only YAML that the configuration takes', () => {
    expect(configs.map(({ sso }) => sso.providers.map(({ id, issuer }) => `${id} ${issuer}`))).toEqual([
      ['keycloak https://sso.example.org/realms/main'],
      ['keycloak https://sso.example.org/realms/main'],
      ['authentik https://id.example.org/application/o/gatehouse/'],
      ['google https://accounts.google.com'],
      ['gitlab https://gitlab.example.org'],
      ['gitlab https://gitlab.com'],
    ]);
  });

  it('names the URIs to register as Gatehouse does', () => {
    const uris = configs.flatMap((config) =>
      config.sso.providers.flatMap((provider) => [
        callbackUrl(config, provider),
        postLogoutUrl(config),
        // The others tell nobody when a session ends.
        ...(['keycloak', 'authentik'].includes(provider.id) ? [backChannelLogoutUrl(config, provider)] : []),
      ]),
    );
    expect(uris).toHaveLength(15);
    expect(uris.filter((uri) => !DOCUMENT.includes(`\`${uri}\``))).toEqual([]);
  });

  it('leads to headings that are there', () => {
    const anchors = [...DOCUMENT.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...DOCUMENT.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
    expect(links).toHaveLength(anchors.length - 1);
  });

  it('shows what a simulated sign-in says', async () => {
    const [claims = ''] = blocks('json');
    const [output] = blocks('text');
    const provider = configs[0]!.sso.providers[0]!;
    const simulation = await simulateSignIn(test.app, provider, readClaimsInput(claims, provider));
    expect(`${describeSimulation(simulation, provider).join('\n')}\n`).toBe(output);
  });

  it('tells a broker the truth about a Gatehouse behind it', async () => {
    await createUser(test, 'bob');
    const client = await registerClient(test, { scopes: 'openid profile email' });
    const browser = await signIn(test, client, 'bob', { scope: 'openid email profile' });
    const tokens = await requestToken(test, client, redemption(client, await approve(test, client, browser)));
    expect(tokens.body).toMatchObject({ token_type: 'Bearer', scope: 'profile' });
    expect(tokens.body).not.toHaveProperty('id_token');
    const answer = await test.http.get('/oauth/userinfo').auth(tokens.body.access_token, { type: 'bearer' });
    expect(answer.body).toMatchObject({ sub: 'http://localhost:3000/users/bob', preferred_username: 'bob' });
    expect(answer.body).not.toHaveProperty('email');
    expect((await test.http.get('/.well-known/openid-configuration')).status).toBe(404);
  });
});
