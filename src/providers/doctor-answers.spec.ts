import { describe, expect, it } from 'vitest';
import { SsoProviderConfig } from '../config/sso-config.js';
import { FetchFailed, FetchRefused } from '../outgoing/guarded-fetch.js';
import { examineClock, examineKeys, explainFailure, readDocument } from './doctor-answers.js';
import type { Finding } from './doctor.js';

const ISSUER = 'https://sso.example.org';

const provider = (more: Partial<SsoProviderConfig> = {}): SsoProviderConfig =>
  Object.assign(new SsoProviderConfig(), { id: 'sso', issuer: ISSUER, ...more });

const inOne = ({ mark, sentence }: Finding): string => `${mark}: ${sentence}`;

describe('examineClock', () => {
  const at = Date.parse('2026-01-02T03:04:05Z');
  const clock = (seconds: number, more: Record<string, string> = {}) =>
    inOne(examineClock(new Headers({ date: new Date(at + seconds * 1000).toUTCString(), ...more }), at));

  it.each([
    [0, 'fine: The clocks agree to 0 s'],
    [-29, 'fine: The clocks agree to 29 s'],
    [30, "warning: The provider's clock is 30 s ahead of ours: set the wrong one right"],
    [-299, "warning: The provider's clock is 299 s behind ours: set the wrong one right"],
    [300, "trouble: The provider's clock is 300 s ahead of ours: set the wrong one right"],
    [-4000, "trouble: The provider's clock is 4000 s behind ours: set the wrong one right"],
  ])('judges %s s', (seconds, line) => {
    expect(clock(seconds)).toBe(line);
  });

  it('counts the time that a cache has kept the answer', () => {
    expect(clock(-600, { age: '598' })).toBe('fine: The clocks agree to 2 s');
  });

  it('judges nothing without a date', () => {
    expect(examineClock(new Headers(), at).mark).toBe('note');
    expect(examineClock(new Headers({ date: 'yesterday' }), at).mark).toBe('note');
  });
});

describe('readDocument', () => {
  it('answers the document', async () => {
    expect(await readDocument(Response.json({ issuer: ISSUER }))).toEqual({ document: { issuer: ISSUER } });
  });

  it.each<[string, Response, string]>([
    [
      'a redirect',
      new Response(null, { status: 301, headers: { location: 'https://new.example.org/' } }),
      'The discovery document is elsewhere, which is not followed (status 301): https://new.example.org/',
    ],
    [
      'a wrong path',
      new Response('', { status: 404 }),
      'Instead of the discovery document there is status 404: is the issuer right?',
    ],
    ['a fault', new Response('', { status: 502 }), 'Instead of the discovery document there is status 502'],
    [
      'a page',
      new Response('<h1>Welcome</h1>', { headers: { 'content-type': 'text/html' } }),
      'What stands for the discovery document is no JSON object (content type text/html)',
    ],
    [
      'a list',
      Response.json([]),
      'What stands for the discovery document is no JSON object (content type application/json)',
    ],
    [
      'a wrong content type',
      new Response('{}', { headers: { 'content-type': 'text/plain; charset=utf-8' } }),
      'The discovery document has the content type text/plain instead of application/json',
    ],
  ])('tells %s', async (_what, response, sentence) => {
    expect(await readDocument(response)).toEqual({ mark: 'trouble', sentence });
  });
});

describe('examineKeys', () => {
  const RSA = { kty: 'RSA', kid: 'a', use: 'sig', alg: 'RS256' };
  const keys = async (set: unknown, algorithms = ['RS256', 'ES256']) =>
    inOne(await examineKeys(Response.json(set), { id_token_signing_alg_values_supported: algorithms }));

  it.each<[string, object[], string]>([
    ['one that fits', [RSA], 'fine: 1 of 1 published keys can verify ID tokens'],
    ['one that says less', [{ kty: 'EC', crv: 'P-256' }], 'fine: 1 of 1 published keys can verify ID tokens'],
    [
      'those for other things',
      [RSA, { ...RSA, use: 'enc' }, { ...RSA, alg: 'RSA-OAEP' }, { kty: 'EC', crv: 'P-384' }, { kty: 'oct' }],
      'fine: 1 of 5 published keys can verify ID tokens',
    ],
    [
      'several without a name',
      [RSA, { kty: 'RSA' }],
      'warning: 2 of 2 published keys can verify ID tokens, but not all have a kid, so that it is not clear which signed a token',
    ],
    ['none', [], 'trouble: 0 of 0 published keys can verify ID tokens: choose a signing key at the provider'],
  ])('counts %s', async (_what, set, line) => {
    expect(await keys({ keys: set })).toBe(line);
  });

  it('wants a key set', async () => {
    const sentence = 'trouble: What stands for the keys is no key set; does the provider have a signing key?';
    for (const set of [{}, [], null, { keys: {} }]) expect(await keys(set)).toBe(sentence);
    expect((await examineKeys(new Response('', { status: 404 }), {})).sentence).toBe(
      'Instead of the keys there is status 404',
    );
  });

  it('counts keys of every algorithm that is taken', async () => {
    for (const [algorithm, key] of [
      ['PS512', { kty: 'RSA' }],
      ['ES384', { kty: 'EC', crv: 'P-384' }],
      ['ES512', { kty: 'EC', crv: 'P-521' }],
      ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
      ['Ed25519', { kty: 'OKP', crv: 'Ed25519' }],
    ] as const) {
      expect(await keys({ keys: [key] }, [algorithm]), algorithm).toMatch(/^fine: 1 of 1/);
      expect(await keys({ keys: [key] }, ['HS256']), algorithm).toMatch(/^trouble: 0 of 1/);
    }
  });
});

describe('explainFailure', () => {
  const failed = (code: string) =>
    new FetchFailed('https://sso.example.org could not be fetched from', {
      cause: new TypeError('fetch failed', { cause: Object.assign(new Error('said the network'), { code }) }),
    });

  it.each([
    ['ENOTFOUND', 'its name cannot be resolved (DNS)'],
    ['EAI_AGAIN', 'its name cannot be resolved (DNS)'],
    ['ECONNREFUSED', 'nothing listens there (connection refused)'],
    ['ENETUNREACH', 'no network leads there'],
    ['UND_ERR_CONNECT_TIMEOUT', 'too slow: there was no connection in time'],
    ['CERT_HAS_EXPIRED', 'its TLS certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its TLS certificate is for another name'],
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'its TLS certificate is from nobody this machine trusts (NODE_EXTRA_CA_CERTS can name a further authority)',
    ],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'its TLS certificate is from nobody this machine trusts (NODE_EXTRA_CA_CERTS can name a further authority)',
    ],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'there is no TLS that can be agreed on'],
    ['ECONNRESET', 'the connection was cut'],
    ['HPE_INVALID_CONSTANT', 'what answers there does not speak HTTP'],
    ['ESOMETHING', 'failed with ESOMETHING'],
  ])('says what %s means', (code, words) => {
    expect(explainFailure(failed(code), provider())).toBe(words);
  });

  it('tells a slow and a long answer', () => {
    const explain = (reason: 'deadline' | 'too_large') => explainFailure(new FetchFailed('x', { reason }), provider());
    expect(explain('deadline')).toBe('too slow: there was no whole answer in time');
    expect(explain('too_large')).toBe('the answer is far too long');
    expect(explainFailure(new FetchFailed('sso.example.org has no address'), provider())).toBe(
      'sso.example.org has no address',
    );
  });

  it('tells a private address how it could be allowed, if it could', () => {
    const refused = new FetchRefused('sso.lan is at 10.0.0.7, which is not allowed');
    expect(explainFailure(refused, provider())).toBe(
      'sso.lan is at 10.0.0.7, which is not allowed while allow_private_addresses is off: switch it on if the provider is in your own network',
    );
    expect(explainFailure(refused, provider({ allow_private_addresses: true }))).toBe(
      'sso.lan is at 10.0.0.7, which is not allowed: addresses of this kind never are',
    );
    expect(explainFailure(new FetchRefused('Not an absolute URL'), provider())).toBe('Not an absolute URL');
  });

  it('explains nothing else', () => {
    expect(() => explainFailure(new RangeError('a fault of ours'), provider())).toThrow('a fault of ours');
  });
});
