import { describe, expect, it } from 'vitest';
import { isPublicName, readHost } from './host.js';

describe('readHost', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0X7F000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['１２７.0.0.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['127.0.0.1:08080', '127.0.0.1:8080'],
    ['[::1]', '[::1]'],
    ['::1', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['[::1]:443', '[::1]:443'],
    ['::ffff:127.0.0.1', '[::ffff:7f00:1]'],
    ['LOCALHOST.', 'localhost'],
    ['a.B.example', 'a.b.example'],
    ['soft\u00adhyphen.example', 'softhyphen.example'],
    ['straße.example', 'xn--strae-oqa.example'],
    ['☃.example', 'xn--n3h.example'],
    ['9gag.example', '9gag.example'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('spells %j as %s', (text, host) => {
    expect(readHost(text)).toBe(host);
  });

  it.each([
    '',
    '.',
    ':80',
    '[]',
    '[::1',
    '::1]',
    '1.2.3.4.5',
    'a\nb.example',
    'a\u3000b.example',
    'a＠b.example',
    'a／b.example',
  ])('refuses %j', (text) => {
    expect(readHost(text)).toBeNull();
  });
});

describe('isPublicName', () => {
  it.each([
    'example.org',
    'remote.example',
    'remote.test',
    'a.b.c.example',
    'xn--bcher-kva.de',
    'localhost.example.org',
    '9gag.com',
    'mylocal'.concat('.org'),
  ])('lets %s be looked up', (host) => {
    expect(isPublicName(host)).toBe(true);
  });

  it.each([
    '127.0.0.1',
    '169.254.169.254',
    '8.8.8.8',
    '[::1]',
    '[2001:db8::1]',
    '[::1]:443',
    'localhost',
    'localhost:3000',
    'example.org:443',
    '8.8.8.8:80',
    'intranet',
    'app.localhost',
    'printer.local',
    'metadata.google.internal',
    'x.invalid',
    'x.onion',
    'x.alt',
    'router.home.arpa',
  ])('does not let %s', (host) => {
    expect(isPublicName(host)).toBe(false);
  });
});
