import { describe, expect, it } from 'vitest';
import { handleOf, readHandle } from './handle.js';

const OURS = { domain: 'example.org', publicUrl: 'https://id.example.org' };

describe('readHandle', () => {
  it.each([
    ['bob', 'bob'],
    ['@bob', 'bob'],
    ['bob@remote.example', 'bob@remote.example'],
    ['@bob@remote.example', 'bob@remote.example'],
    ['acct:bob@remote.example', 'bob@remote.example'],
    ['ACCT:bob@remote.example', 'bob@remote.example'],
    ['https://remote.example/@bob', 'bob@remote.example'],
    ['https://remote.example/@bob/', 'bob@remote.example'],
    ['https://remote.example/@bob?x=1#y', 'bob@remote.example'],
    ['https://remote.example/users/bob', 'bob@remote.example'],
    ['HTTPS://Remote.Example/users/Bob', 'bob@remote.example'],
    ['https://web.example/@bob@remote.example', 'bob@remote.example'],
    ['http://remote.example:3001/users/bob', 'bob@remote.example:3001'],
    ['  @Bob@Remote.Example ', 'bob@remote.example'],
    ['bob@remote.example.', 'bob@remote.example'],
    ['bob@BÜCHER.example', 'bob@xn--bcher-kva.example'],
    ['bob@bu\u0308cher.example', 'bob@xn--bcher-kva.example'],
    ['bob@XN--BCHER-KVA.example', 'bob@xn--bcher-kva.example'],
    ['bob@ｒｅｍｏｔｅ。example', 'bob@remote.example'],
    ['bob@remote.example:8443', 'bob@remote.example:8443'],
    ['a.b-c_9@remote.example', 'a.b-c_9@remote.example'],
    ['bob-@remote.example', 'bob-@remote.example'],
    [`${'a'.repeat(64)}@remote.example`, `${'a'.repeat(64)}@remote.example`],
    ['bob@0x7f.1', 'bob@127.0.0.1'],
  ])('reads %j as %s', (text, handle) => {
    const read = readHandle(text, OURS);
    expect(read && handleOf(read)).toBe(handle);
  });

  it.each([
    'bob@example.org',
    '@Bob@EXAMPLE.org.',
    'acct:bob@example.org',
    'https://example.org/@bob',
    'https://id.example.org/users/bob',
    'https://id.example.org/@bob',
    'http://id.example.org/users/bob',
    'https://remote.example/@bob@example.org',
    'bob@id.example.org',
  ])('knows %s as ours', (text) => {
    expect(readHandle(text, OURS)).toEqual({ username: 'bob', host: null });
  });

  it('knows our domain with its port, and no other port', () => {
    const ours = { domain: 'localhost:3000', publicUrl: 'http://localhost:3000' };
    for (const text of ['bob', 'bob@localhost:3000', 'http://localhost:3000/users/bob', 'bob@LOCALHOST:3000']) {
      expect(readHandle(text, ours)).toEqual({ username: 'bob', host: null });
    }
    expect(readHandle('bob@localhost', ours)).toEqual({ username: 'bob', host: 'localhost' });
    expect(readHandle('bob@localhost:3001', ours)).toEqual({ username: 'bob', host: 'localhost:3001' });
  });

  it('knows our domain in either spelling when it is international', () => {
    const ours = { domain: 'Bücher.example', publicUrl: 'https://xn--bcher-kva.example' };
    expect(readHandle('bob@xn--bcher-kva.example', ours)?.host).toBeNull();
    expect(readHandle('bob@bücher.example', ours)?.host).toBeNull();
  });

  it.each([
    '',
    '@',
    '@@bob',
    'bob@',
    '@bob@',
    'bob@@remote.example',
    'bob@x@remote.example',
    'acct:bob',
    'acct:@bob@remote.example',
    'mailto:bob@remote.example',
    'bob smith',
    'bob@remote .example',
    'bob@re\tmote.example',
    'bob\u0000@remote.example',
    'böb@remote.example',
    'bob!@remote.example',
    '.bob@remote.example',
    'bob.@remote.example',
    'b..b@remote.example',
    '-',
    '...',
    `${'a'.repeat(65)}@remote.example`,
    'bob@-remote.example',
    'bob@remote-.example',
    'bob@remote..example',
    'bob@.example',
    'bob@.',
    'bob@rem_ote.example',
    'bob@remote.example/x',
    'bob@remote.example?x',
    'bob@rem%6fte.example',
    'bob@remote.example:',
    'bob@remote.example:x',
    'bob@remote.example:65536',
    'bob@remote.1',
    'bob@256.0.0.1',
    'bob@[::1',
    'bob@[remote.example]',
    'bob@fe80::1%eth0',
    `bob@${'a'.repeat(64)}.example`,
    `bob@${'a.'.repeat(130)}example`,
    `bob@${'é'.repeat(63)}.example`,
    'a'.repeat(321),
    'https://remote.example',
    'https://remote.example/',
    'https://remote.example/bob',
    'https://remote.example/@bob/1',
    'https://remote.example/users/bob/statuses/1',
    'https://user:secret@remote.example/@bob',
    'https://remote.example/@bob@x@y',
    'https:///@bob',
    'ftp://remote.example/@bob',
    'Account address',
    '=cmd()',
  ])('refuses %j', (text) => {
    expect(readHandle(text, OURS)).toBeNull();
  });
});
