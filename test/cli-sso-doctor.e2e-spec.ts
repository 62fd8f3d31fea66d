import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { consultProvider } from '../src/cli/consult-provider.js';
import { type EvilFaults, type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { PATHS } from './support/issuer-server.js';
import { provider } from './support/sso.js';

let evil: EvilIssuer;
beforeAll(async () => {
  evil = await startEvilIssuer();
});
afterAll(() => evil.stop());
afterEach(() => {
  evil.faults = {};
  evil.metadata = {};
});

/** For `idp.test`, and signed by itself. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7CK/qneIAZ7jN6Ib
K1uiGaIgnCDGlySLtflkHA1pufehRANCAATXoomrSJRKB6XYJB9a4gFlZ8nZgTor
lE5pjdV5poY1zAM/XCJZ4a7rxc462QM2PXuqoHoFWlylzdoIuo34PgNl
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBLjCB1KADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCGlkcC50ZXN0
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjATMREwDwYDVQQDDAhp
ZHAudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNeiiatIlEoHpdgkH1ri
AWVnydmBOiuUTmmN1XmmhjXMAz9cIlnhruvFzjrZAzY9e6qgegVaXKXN2gi6jfg+
A2WjFzAVMBMGA1UdEQQMMAqCCGlkcC50ZXN0MAoGCCqGSM49BAMCA0kAMEYCIQDN
wy9wc5SCvT5gQF529dqKkBqHjhwrmg8cgZNPb8xm9gIhAKQyy/pnS/+WonNcpRmg
PEGeDG/KaHjzBhtDyNeVztr8
-----END CERTIFICATE-----`;

describe('consulting a provider', () => {
  /** What is in trouble, or likely to be. */
  async function worries(more: Parameters<typeof provider>[2] = {}, issuer = evil.url): Promise<string[]> {
    const findings = await consultProvider(provider('evil', issuer, more));
    return findings.filter(({ mark }) => mark === 'trouble' || mark === 'warning').map(({ sentence }) => sentence);
  }
  const discovery = () => `${evil.url}${PATHS.discovery}`;

  it('sends no secret, and asks nothing twice', async () => {
    evil.forget();
    expect(await worries()).toEqual([]);
    expect((['discovery', 'token', 'userinfo', 'jwks'] as const).map((name) => evil.count(name))).toEqual([1, 1, 1, 1]);
    expect(evil.total).toBe(4);
    expect(evil.tokenRequests.map(({ authMethod }) => authMethod)).toEqual(['none']);
  });

  it.each<[NonNullable<EvilFaults['discovery']>, string]>([
    ['says 500', 'Instead of the discovery document there is status 500'],
    ['redirects', 'The discovery document is elsewhere, which is not followed (status 307): http://127.0.0.1:'],
    ['is not JSON', 'What stands for the discovery document is no JSON object (content type text/html)'],
    ['is 10 MB long', 'cannot be fetched: the answer is far too long'],
    ['never answers', 'cannot be fetched: too slow: there was no whole answer in time'],
    ['names another issuer', 'The provider calls itself https://accounts.example.com, the configuration http'],
    ['has no jwks_uri', 'There is no jwks_uri'],
    ['has its keys on a link-local address', 'jwks_uri is not on https: http://169.254.169.254/jwks'],
    ['has a script for its authorization endpoint', 'authorization_endpoint is not on https: javascript:alert(1)'],
  ])('tells that the discovery document %s', async (fault, sentence) => {
    evil.faults = { discovery: fault };
    const [worry, ...others] = await worries();
    expect(worry).toContain(sentence);
    expect(others).toEqual([]);
  });

  it.each<[EvilFaults, string]>([
    [{ jwks: 'empty' }, '0 of 0 published keys can verify ID tokens: choose a signing key at the provider'],
    [{ jwks: 'is not JSON' }, 'What stands for the keys is no key set; does the provider have a signing key?'],
    [{ jwks: 'says 500' }, 'Instead of the keys there is status 500'],
    [{ token: 'says 500' }, 'token_endpoint answers with status 500'],
    [{ userinfo: 'is 10 MB long' }, 'userinfo_endpoint cannot be fetched: the answer is far too long'],
  ])('tells what is wrong with an endpoint: %j', async (faults, sentence) => {
    evil.faults = faults;
    // Refused before a body is sent, unless there is a token.
    expect(await worries()).toEqual([sentence]);
  });

  it('tells an endpoint inside the network of somebody outside', async () => {
    evil.metadata = { token_endpoint: 'https://10.1.2.3/token', userinfo_endpoint: 'https://169.254.169.254/userinfo' };
    expect(await worries({ issuer: evil.url })).toEqual([
      'token_endpoint cannot be fetched: 10.1.2.3 is at 10.1.2.3, which is not allowed while allow_private_addresses is off: switch it on if the provider is in your own network',
      'userinfo_endpoint cannot be fetched: 169.254.169.254 is at 169.254.169.254, which is not allowed while allow_private_addresses is off: switch it on if the provider is in your own network',
    ]);
    evil.metadata = { userinfo_endpoint: 'https://169.254.169.254/userinfo' };
    expect(await worries({ allow_private_addresses: true })).toEqual([
      'userinfo_endpoint cannot be fetched: 169.254.169.254 is at 169.254.169.254, which is not allowed: addresses of this kind never are',
    ]);
  });

  it('tells an issuer that is inside a network, unknown to DNS, or away', async () => {
    expect(await worries({}, 'https://127.0.0.1:1')).toEqual([
      'https://127.0.0.1:1/.well-known/openid-configuration cannot be fetched: 127.0.0.1 is at 127.0.0.1, which is not allowed while allow_private_addresses is off: switch it on if the provider is in your own network',
    ]);
    // Where no resolver answers, that takes until the deadline.
    expect(await worries({}, 'https://sso.invalid')).toEqual([
      expect.stringMatching(
        /^https:\/\/sso\.invalid\/\.well-known\/openid-configuration cannot be fetched: (its name cannot be resolved \(DNS\)|too slow)/,
      ),
    ]);
    await evil.stop();
    expect(await worries()).toEqual([`${discovery()} cannot be fetched: nothing listens there (connection refused)`]);
    await evil.restart();
  });

  it('tells what is wrong with TLS', async () => {
    const server = createServer({ key: KEY, cert: CERTIFICATE }, (_, response) => response.end('{}'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const [worry] = await worries({ allow_private_addresses: true }, `https://127.0.0.1:${port}`);
    expect(worry).toMatch(/cannot be fetched: its TLS certificate is from nobody this machine trusts \(NODE_EXTRA/);
    const plain = evil.url.replace('http:', 'https:');
    expect(await worries({ allow_private_addresses: true }, plain)).toEqual([
      `${plain}/.well-known/openid-configuration cannot be fetched: there is no TLS that can be agreed on`,
    ]);
    server.close();
  });
});
