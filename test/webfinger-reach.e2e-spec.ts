import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';
import { type FetchLimits, guardedFetch } from '../src/outgoing/guarded-fetch.js';
import { addressesOf } from '../src/webfinger/host-addresses.js';
import { WebFingerClient } from '../src/webfinger/webfinger.client.js';

/** As in operation: without the switch for development. What hosts on the internet answer is told by the test. */
describe('WebFingerClient on the internet', () => {
  function internet(answers: Record<string, () => Response>, isAllowedHost?: (host: string) => boolean) {
    const asked: string[] = [];
    const limits: FetchLimits[] = [];
    const fetch: typeof guardedFetch = async (address, _init, limit) => {
      const { origin, searchParams } = new URL(address);
      asked.push(`${origin} ${searchParams.get('resource')}`);
      limits.push(limit);
      return answers[origin]?.() ?? new Response(null, { status: 404 });
    };
    const client = new WebFingerClient({
      allowPrivateHosts: false,
      fetch,
      ...(isAllowedHost && { isAllowedHost }),
    });
    return { client, asked, limits };
  }

  const redirect = (location: string) => () => new Response(null, { status: 302, headers: { location } });

  const descriptor = (subject: string, href: string) => () =>
    Response.json({ subject, links: [{ rel: 'self', type: 'application/activity+json', href }] });

  const failed = (reason: string) => ({ state: 'failed', reason, retryable: false });

  it('asks over https, for public addresses, 64 KiB at most', async () => {
    const answer = descriptor('acct:alice@EXAMPLE.org', 'https://example.org/users/alice');
    const { client, asked, limits } = internet({ 'https://example.org': answer });
    expect(await client.resolve('alice', 'example.org')).toEqual({
      state: 'found',
      account: { username: 'alice', host: 'example.org', uri: 'https://example.org/users/alice', url: null },
    });
    expect(asked).toEqual(['https://example.org acct:alice@example.org']);
    expect(limits).toMatchObject([{ reach: 'public', maxBytes: 65_536, lookup: addressesOf }]);
  });

  it.each(['127.0.0.1', '127.0.0.1:3000', '[::1]', '169.254.169.254', '0x7f.1', 'localhost', 'example.org:8443', ''])(
    'asks nobody at %j',
    async (host) => {
      const { client, asked } = internet({});
      expect(await client.resolve('alice', host)).toEqual(failed('host_not_allowed'));
      expect(asked).toEqual([]);
    },
  );

  it.each([
    ['http://example.org/.well-known/webfinger', 'bad_answer'],
    ['//user:password@example.org/', 'bad_answer'],
    ['https://127.0.0.1/', 'host_not_allowed'],
    ['https://2130706433/', 'host_not_allowed'],
    ['https://[::ffff:127.0.0.1]/', 'host_not_allowed'],
    ['https://localhost/', 'host_not_allowed'],
    ['https://other.example:8443/', 'host_not_allowed'],
    ['https://blocked.example/', 'host_not_allowed'],
  ])('is not redirected to %s', async (location, reason) => {
    const answers = { 'https://example.org': redirect(location) };
    const { client, asked } = internet(answers, (host) => host !== 'blocked.example');
    expect(await client.resolve('alice', 'example.org')).toEqual(failed(reason));
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['acct:alice@127.0.0.1', 'https://example.org/users/alice', 'bad_answer'],
    ['acct:alice@localhost', 'https://example.org/users/alice', 'bad_answer'],
    ['acct:alice@blocked.example', 'https://example.org/users/alice', 'host_not_allowed'],
    ['acct:alice@example.org', 'http://example.org/users/alice', 'bad_answer'],
    ['acct:alice@example.org', 'https://example.org:8443/users/alice', 'bad_answer'],
    ['acct:alice@example.org', 'https://127.0.0.1/users/alice', 'bad_answer'],
    ['acct:alice@example.org', 'https://blocked.example/users/alice', 'host_not_allowed'],
  ])('is not led on to %s, %s', async (subject, href, reason) => {
    const answers = { 'https://example.org': descriptor(subject, href) };
    const { client, asked } = internet(answers, (host) => host !== 'blocked.example');
    expect(await client.resolve('alice', 'example.org')).toEqual(failed(reason));
    expect(asked).toHaveLength(1);
  });

  it('asks nobody at a host that is not allowed', async () => {
    const { client, asked } = internet({}, () => false);
    expect(await client.resolve('alice', 'example.org')).toEqual(failed('host_not_allowed'));
    expect(asked).toEqual([]);
  });

  it.each(['https://localhost/@alice', 'http://example.org/@alice', 'javascript:alert(1)'])(
    'names no page at %s',
    async (page) => {
      const links = [
        { rel: 'http://webfinger.net/rel/profile-page', href: page },
        { rel: 'self', type: 'application/activity+json', href: 'https://example.org/users/alice' },
      ];
      const { client } = internet({
        'https://example.org': () => Response.json({ subject: 'acct:alice@example.org', links }),
      });
      expect(await client.resolve('alice', 'example.org')).toMatchObject({ state: 'found', account: { url: null } });
    },
  );

  it('asks a name that is ASCII for bücher.example', async () => {
    const answer = descriptor('acct:alice@bücher.example', 'https://bücher.example/users/alice');
    const { client } = internet({ 'https://xn--bcher-kva.example': answer });
    expect(await client.resolve('alice', 'xn--bcher-kva.example')).toMatchObject({
      account: { host: 'xn--bcher-kva.example', uri: 'https://bücher.example/users/alice' },
    });
  });

  describe('where a name is that of a machine of ours', () => {
    let inside: WebFingerHost;

    beforeEach(async () => {
      inside = await startWebFingerHost();
    });

    afterEach(() => inside.stop());

    it('connects to nothing', async () => {
      const client = new WebFingerClient({
        allowPrivateHosts: false,
        fetch: (address, init, limits) => {
          const lookup = async () => [{ address: '127.0.0.1', family: 4 }];
          const url = new URL(address);
          url.port = new URL(inside.origin).port;
          return guardedFetch(url.href, init, { ...limits, lookup });
        },
      });
      expect(await client.resolve('alice', 'rebound.example')).toEqual(failed('host_not_allowed'));
      expect(inside.connections).toBe(0);
    });
  });
});
