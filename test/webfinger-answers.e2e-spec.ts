import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';
import type { FailureReason } from '../src/webfinger/resolution.js';
import { WebFingerClient } from '../src/webfinger/webfinger.client.js';

describe('WebFingerClient', () => {
  let host: WebFingerHost;
  let other: WebFingerHost;

  beforeEach(async () => {
    [host, other] = await Promise.all([startWebFingerHost(), startWebFingerHost()]);
  });

  afterEach(() => Promise.all([host.stop(), other.stop()]));

  function resolve(username: string, limitMs = 5000, at = host.host) {
    return new WebFingerClient({ allowPrivateHosts: true, userAgent: 'Gatehouse/test', limitMs }).resolve(username, at);
  }

  function failed(reason: FailureReason, retryable = false) {
    return { state: 'failed', reason, retryable };
  }

  describe('found', () => {
    it('asks for the handle, and says who it is', async () => {
      host.add('alice');
      expect(await resolve('Alice')).toEqual({
        state: 'found',
        account: {
          username: 'alice',
          host: host.host,
          uri: `${host.origin}/users/alice`,
          url: `${host.origin}/@alice`,
        },
      });
      const resource = encodeURIComponent(`acct:alice@${host.host}`);
      expect(host.requests).toMatchObject([
        {
          path: `/.well-known/webfinger?resource=${resource}`,
          headers: { accept: 'application/jrd+json, application/json', 'user-agent': 'Gatehouse/test' },
        },
      ]);
    });

    it('does without a page, and takes other spellings of the name', async () => {
      host.add('alice', { page: null, subject: `ACCT:ALICE@${host.host}` });
      expect(await resolve('alice')).toMatchObject({ account: { username: 'alice', url: null } });
      expect(host.requests).toHaveLength(1);
    });

    it('follows three redirects, also to other hosts', async () => {
      host.add('alice', { redirectTo: `${other.origin}/a?resource={resource}`, status: 301 });
      const hops = [
        { redirectTo: 'b?resource={resource}', status: 307 },
        { redirectTo: '/c?resource={resource}', status: 308 },
        { self: `${host.origin}/users/alice` },
      ];
      other.add('alice', () => hops.shift() ?? {});
      expect(await resolve('alice')).toMatchObject({ state: 'found', account: { host: host.host } });
      expect(other.requests.map(({ path }) => path.split('?')[0])).toEqual(['/a', '/b', '/c']);
    });
  });

  it.each([
    '',
    'exa mple',
    'LOCALHOST',
    '127.0.0.1/path',
    'user@127.0.0.1',
    '0x7f.1',
    '[::1',
    '10.0.0.1',
    '169.254.169.254',
  ])('asks nobody at %j, even in development', async (at) => {
    expect(await resolve('alice', 5000, at)).toEqual(failed('host_not_allowed'));
  });

  describe('no answer that counts', () => {
    it.each<[number, ReturnType<typeof failed>]>([
      [404, failed('not_found')],
      [410, failed('gone')],
      [400, failed('bad_answer')],
      [401, failed('bad_answer')],
      [403, failed('bad_answer')],
      [422, failed('bad_answer')],
      [451, failed('bad_answer')],
      [204, failed('bad_answer')],
      [300, failed('bad_answer')],
      [302, failed('bad_answer')],
      [304, failed('bad_answer')],
      [429, failed('host_unreachable', true)],
      [500, failed('host_unreachable', true)],
      [502, failed('host_unreachable', true)],
      [503, failed('host_unreachable', true)],
    ])('for status %d', async (status, outcome) => {
      host.add('alice', { status });
      expect(await resolve('alice')).toEqual(outcome);
      expect(host.requests).toHaveLength(1);
    });

    it.each([
      ['text', 'No such user'],
      ['nothing', ''],
      ['a page', '<!doctype html>'],
      ['nesting without end', '['.repeat(60_000)],
      ['a list', []],
      ['null', null],
      ['no descriptor', { error: 'not found' }],
    ])('for a body that is %s', async (_, body) => {
      host.add('alice', { body });
      expect(await resolve('alice')).toEqual(failed('bad_answer'));
    });

    it.each([
      ['no actor', { self: null }],
      ['an actor of another type', { selfType: 'text/html' }],
      ['an actor with a password', { self: 'http://a:b@127.0.0.1/users/alice' }],
      ['a subject that is no account', { subject: 'https://example.org/@alice' }],
      ['a subject that is no text', { subject: 7 }],
      ['a subject with a NUL', { subject: 'acct:alice\0@example.org' }],
    ])('for %s', async (_, script) => {
      host.add('alice', script);
      expect(await resolve('alice')).toEqual(failed('bad_answer'));
    });

    it('takes 64 KiB, and no more', async () => {
      const descriptor = JSON.stringify({
        subject: `acct:alice@${host.host}`,
        links: [{ rel: 'self', type: 'application/activity+json', href: `${host.origin}/users/alice` }],
      });
      host.add('alice', { body: descriptor.padEnd(65_536) });
      expect(await resolve('alice')).toMatchObject({ state: 'found' });
      host.add('alice', { body: descriptor.padEnd(65_537) });
      expect(await resolve('alice')).toEqual(failed('too_large'));
    });

    it('when the host hangs up, or is not there', async () => {
      host.add('alice', { fault: 'hang-up' });
      expect(await resolve('alice')).toEqual(failed('host_unreachable', true));
      await other.stop();
      expect(await resolve('alice', 5000, other.host)).toEqual(failed('host_unreachable', true));
    });

    it.each(['silence', 'drip'] as const)('when the host takes too long: %s', async (fault) => {
      host.add('alice', { fault });
      expect(await resolve('alice', 150)).toEqual(failed('host_timeout', true));
    });

    it('when the hosts take too long together', async () => {
      host.add('alice', { delayMs: 300, redirectTo: `${other.origin}/?resource={resource}` });
      other.add('alice', { delayMs: 800 });
      expect(await resolve('alice', 1000)).toEqual(failed('host_timeout', true));
      expect(other.requests).toHaveLength(1);
    });
  });

  describe('redirects', () => {
    it('go round three times at most', async () => {
      host.add('alice', { redirectTo: '/.well-known/webfinger?resource={resource}' });
      expect(await resolve('alice')).toEqual(failed('bad_answer'));
      expect(host.requests).toHaveLength(4);
    });

    it.each(['https://', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'http://a:b@127.0.0.1/', 'data:,{}'])(
      'lead nowhere: %s',
      async (redirectTo) => {
        host.add('alice', { redirectTo });
        expect(await resolve('alice')).toEqual(failed('bad_answer'));
      },
    );

    it.each(['http://169.254.169.254/latest/meta-data/', 'http://10.0.0.1/', 'http://[fe80::1]/'])(
      'do not lead to %s, even in development',
      async (redirectTo) => {
        host.add('alice', { redirectTo });
        expect(await resolve('alice')).toEqual(failed('host_not_allowed'));
      },
    );
  });
});
