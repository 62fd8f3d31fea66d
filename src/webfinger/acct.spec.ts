import { describe, expect, it } from 'vitest';
import { acctUri, isPublicName, isSameAcct, parseAcct } from './acct.js';

describe('parseAcct', () => {
  it.each([
    ['acct:alice@example.org', 'alice', 'example.org'],
    ['ACCT:Alice@EXAMPLE.org', 'alice', 'example.org'],
    ['acct:al.ice_b-c@bücher.example', 'al.ice_b-c', 'xn--bcher-kva.example'],
    ['acct:alice@XN--BCHER-KVA.example', 'alice', 'xn--bcher-kva.example'],
    ['acct:alice@127.0.0.1:3000', 'alice', '127.0.0.1:3000'],
    ['acct:alice@0x7f.1', 'alice', '127.0.0.1'],
    ['acct:alice@[::1]:3000', 'alice', '[::1]:3000'],
    ['acct:alice@example.org:443', 'alice', 'example.org'],
  ])('reads %s', (uri, username, host) => {
    expect(parseAcct(uri)).toEqual({ username, host });
  });

  it.each([
    '',
    'alice@example.org',
    'https://example.org/@alice',
    'mailto:alice@example.org',
    'acct:@example.org',
    'acct:alice',
    'acct:alice@',
    'acct:alice@b@example.org',
    'acct:al ice@example.org',
    'acct:alice\0@example.org',
    'acct:alice\ud800@example.org',
    'acct:\u212Alice@example.org',
    'acct:alice@exam\nple.org',
    'acct:alice@exam\0ple.org',
    'acct:alice@example.org/path',
    'acct:alice@example.org?query',
    'acct:alice@example.org#fragment',
    'acct:alice@example.org\\path',
    'acct:alice@example.org:port',
    `acct:${'a'.repeat(256)}@example.org`,
    `acct:alice@${'a'.repeat(300)}.org`,
  ])('reads no account from %j', (uri) => {
    expect(parseAcct(uri)).toBeNull();
  });
});

describe('acctUri', () => {
  it('is read back as the same account', () => {
    const alice = { username: 'alice', host: 'example.org' };
    expect(acctUri(alice)).toBe('acct:alice@example.org');
    expect(isSameAcct(parseAcct(acctUri(alice)) ?? { username: '', host: '' }, alice)).toBe(true);
    expect(isSameAcct({ ...alice, host: 'example.com' }, alice)).toBe(false);
    expect(isSameAcct({ ...alice, username: 'bob' }, alice)).toBe(false);
  });
});

describe('isPublicName', () => {
  it.each(['example.org', 'a.b-c.example', 'xn--bcher-kva.example', 'example.xn--p1ai', '1.example', 'x.co'])(
    'takes %s',
    (host) => expect(isPublicName(host)).toBe(true),
  );

  it.each([
    '',
    'localhost',
    'example',
    '127.0.0.1',
    '0x7f.1',
    '127.0x1',
    '2130706433',
    '[::1]',
    '::1',
    'example.org:443',
    'example.org:8443',
    'example.org.',
    '.example.org',
    'example..org',
    'Example.org',
    'bücher.example',
    'under_score.example',
    '-a.example',
    'a-.example',
    'user@example.org',
    'example.org/path',
    `${'a.'.repeat(127)}example`,
    `${'a'.repeat(64)}.example`,
  ])('refuses %j', (host) => expect(isPublicName(host)).toBe(false));
});
