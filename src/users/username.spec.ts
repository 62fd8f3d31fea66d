import { describe, expect, it } from 'vitest';
import { isEmailAddress, readIdentifier, RESERVED_USERNAMES, USERNAME } from './username.js';

describe('USERNAME', () => {
  it.each(['abc', '123', '___', 'a_1', 'a'.repeat(30)])('takes %s', (name) => {
    expect(USERNAME.test(name)).toBe(true);
  });

  it.each(['', 'ab', 'a'.repeat(31), 'Abc', 'a-b', 'a.b', 'a b', 'abc\n', 'äbc', 'аbc', 'ａｂｃ', 'abc@x'])(
    'refuses %j',
    (name) => {
      expect(USERNAME.test(name)).toBe(false);
    },
  );
});

describe('RESERVED_USERNAMES', () => {
  it('holds what contract.md §1 names', () => {
    expect(RESERVED_USERNAMES).toEqual(expect.arrayContaining(['admin', 'root', 'support', 'api', 'oauth']));
  });
});

describe('isEmailAddress', () => {
  it.each([
    'alice@example.org',
    'a@b.cd',
    'a.b+c@sub.example.org',
    "o'neil@example.org",
    '1234@example.org',
    'alice@exämple.org',
    'alice@例え.テスト',
    'alice@xn--exmple-cua.org',
    `${'a'.repeat(64)}@example.org`,
  ])('takes %s', (value) => {
    expect(isEmailAddress(value)).toBe(true);
  });

  it.each([
    '',
    'alice',
    '@example.org',
    'alice@',
    'alice@example',
    'alice@localhost:3000',
    'a@b@example.org',
    '.a@example.org',
    'a.@example.org',
    'a..b@example.org',
    'a b@example.org',
    '"a@evil x"@example.org',
    'alice(comment)@example.org',
    'alice@example.org(comment)',
    'group:alice@example.org;',
    'Alice <alice@example.org>',
    'alice@example.org,bob@example.org',
    'alice@example.org\r\nBcc: bob@example.org',
    'alice@example.org\n',
    'alice\u0000@example.org',
    'alice＠example.org',
    'älice@example.org',
    'alice@-example.org',
    'alice@example-.org',
    'alice@.example.org',
    'alice@example..org',
    'alice@example.org.',
    'alice@[192.0.2.1]',
    'alice@192.0.2.1',
    `${'a'.repeat(65)}@example.org`,
    `alice@${'a'.repeat(64)}.org`,
    `alice@${`${'a'.repeat(60)}.`.repeat(4)}example.org`,
    `alice@${'a'.repeat(10_000)}.org`,
  ])('refuses %j', (value) => {
    expect(isEmailAddress(value)).toBe(false);
  });
});

describe('readIdentifier', () => {
  it.each<[string, { email: string | null; username: string | null }]>([
    ['alice', { email: null, username: 'alice' }],
    ['@alice', { email: null, username: 'alice' }],
    ['@alice@id.example', { email: null, username: 'alice' }],
    ['alice@id.example', { email: 'alice@id.example', username: 'alice' }],
    ['alice@elsewhere.example', { email: 'alice@elsewhere.example', username: null }],
    ['@alice@elsewhere.example', { email: null, username: null }],
    ['alice@sub.id.example', { email: 'alice@sub.id.example', username: null }],
    ['alice@id.example.evil', { email: 'alice@id.example.evil', username: null }],
    ['@@alice', { email: null, username: null }],
    ['alice@', { email: 'alice@', username: null }],
    ['@', { email: null, username: null }],
    ['', { email: null, username: null }],
    ['alice@id.example@id.example', { email: 'alice@id.example@id.example', username: null }],
  ])('reads %j', (identifier, expected) => {
    expect(readIdentifier(identifier, 'id.example')).toEqual(expected);
  });

  it('knows a domain with a port', () => {
    expect(readIdentifier('alice@localhost:3000', 'localhost:3000').username).toBe('alice');
  });
});
