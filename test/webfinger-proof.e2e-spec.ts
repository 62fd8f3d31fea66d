import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AccountScript, startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';
import { WebFingerClient } from '../src/webfinger/webfinger.client.js';

describe('whom WebFingerClient believes', () => {
  let host: WebFingerHost;
  let other: WebFingerHost;
  let third: WebFingerHost;

  beforeEach(async () => {
    [host, other, third] = await Promise.all([startWebFingerHost(), startWebFingerHost(), startWebFingerHost()]);
  });

  afterEach(() => Promise.all([host.stop(), other.stop(), third.stop()]));

  function resolve(limitMs = 5000) {
    return new WebFingerClient({ allowPrivateHosts: true, limitMs }).resolve('alice', host.host);
  }

  const bad = (retryable = false) => ({ state: 'failed', reason: 'bad_answer', retryable });

  const counts = () => [host, other, third].map(({ requests }) => requests.length);

  describe('of another subject', () => {
    /** `host` says that its alice is bob of another host, with an actor there. */
    function say(there: AccountScript | null): void {
      host.add('alice', { subject: `acct:Bob@${other.host}`, self: `${other.origin}/users/bob` });
      if (there) other.add('bob', there);
    }

    it('the host of the subject, when it says the same', async () => {
      say({});
      expect(await resolve()).toEqual({
        state: 'found',
        account: {
          username: 'bob',
          host: other.host,
          uri: `${other.origin}/users/bob`,
          url: `${other.origin}/@bob`,
        },
      });
      expect(counts()).toEqual([1, 1, 0]);
    });

    it.each<[string, () => AccountScript | null, boolean]>([
      ['does not know it', () => null, false],
      ['says that it is gone', () => ({ status: 410 }), false],
      ['names another actor', () => ({ self: `${other.origin}/users/robert` }), false],
      ['names yet another subject', () => ({ subject: `acct:carol@${other.host}` }), false],
      ['sends back', () => ({ subject: `acct:alice@${host.host}` }), false],
      ['answers with too much', () => ({ body: 'x'.repeat(70_000) }), false],
      ['hangs up', () => ({ fault: 'hang-up' }), true],
      ['has trouble', () => ({ status: 500 }), true],
      ['says nothing', () => ({ fault: 'silence' }), true],
    ])('not when that host %s', async (_, there, retryable) => {
      const script = there();
      say(script);
      expect(await resolve(script?.fault === 'silence' ? 500 : 5000)).toEqual(bad(retryable));
      expect(counts()).toEqual([1, 1, 0]);
    });

    it('later, when that host wants time', async () => {
      say({ status: 429, retryAfter: 9 });
      expect(await resolve()).toEqual({ state: 'later', seconds: 9 });
    });

    it('of the same host, when that says the same of it', async () => {
      host.add('alice', { subject: `acct:alicia@${host.host}`, self: `${host.origin}/users/alicia` });
      expect(await resolve()).toEqual(bad());
      host.add('alicia');
      expect(await resolve()).toMatchObject({ state: 'found', account: { username: 'alicia', host: host.host } });
    });

    it('with the actor on the host that was asked', async () => {
      const self = `${host.origin}/users/1`;
      host.add('alice', { subject: `acct:alice@${other.host}`, self });
      other.add('alice', { self });
      expect(await resolve()).toMatchObject({ state: 'found', account: { host: other.host, uri: self } });
      expect(counts()).toEqual([1, 1, 0]);
    });

    it('with the actor on a third host, which has to agree', async () => {
      const self = `${third.origin}/users/1`;
      const subject = `acct:alice@${other.host}`;
      host.add('alice', { subject, self });
      other.add('alice', { self });
      expect(await resolve()).toEqual(bad());
      third.add('alice', { subject, self });
      expect(await resolve()).toMatchObject({ state: 'found', account: { host: other.host, uri: self } });
    });
  });

  describe('of an actor elsewhere', () => {
    const self = () => `${other.origin}/users/1`;

    it('the host of the actor, when it gives the name that was asked for', async () => {
      host.add('alice', { self: self() });
      other.add('alice', { subject: `acct:alice@${host.host}`, self: self() });
      expect(await resolve()).toMatchObject({
        state: 'found',
        account: { username: 'alice', host: host.host, uri: self() },
      });
      expect(counts()).toEqual([1, 1, 0]);
    });

    it('also when the whole question is redirected there', async () => {
      host.add('alice', { redirectTo: `${other.origin}/.well-known/webfinger?resource={resource}` });
      other.add('alice', { subject: `acct:alice@${host.host}`, self: self() });
      expect(await resolve()).toMatchObject({ state: 'found', account: { host: host.host, uri: self() } });
    });

    it('the name that the host of the actor has for it itself', async () => {
      host.add('alice', { self: self() });
      other.add('alice', { self: self() });
      expect(await resolve()).toMatchObject({
        state: 'found',
        account: { username: 'alice', host: other.host, uri: self() },
      });
    });

    it('not a host that echoes whatever it is asked', async () => {
      host.add('alice', { redirectTo: `${other.origin}/.well-known/webfinger?resource={resource}` });
      other.add('alice', { self: self() });
      expect(await resolve()).toMatchObject({ state: 'found', account: { host: other.host, uri: self() } });
    });

    it.each<[string, () => AccountScript | null, boolean]>([
      ['does not know it', () => null, false],
      ['has another actor by that name', () => ({ self: `${other.origin}/users/2` }), false],
      ['gives a name of a third host', () => ({ subject: `acct:alice@${third.host}`, self: self() }), false],
      ['gives another name', () => ({ subject: `acct:bob@${host.host}`, self: self() }), false],
      ['hangs up', () => ({ fault: 'hang-up' }), true],
    ])('not when that host %s', async (_, there, retryable) => {
      host.add('alice', { self: self() });
      const script = there();
      if (script) other.add('alice', script);
      expect(await resolve()).toEqual(bad(retryable));
      expect(counts()).toEqual([1, 1, 0]);
    });
  });
});
