import { describe, expect, it } from 'vitest';
import { OUT_OF_BAND } from '../common/oauth-redirects.js';
import { isRedirectUri, redirectHost, redirectSource } from './redirect-uri.js';

describe('isRedirectUri', () => {
  it.each([
    'https://app.example/cb',
    'https://app.example',
    'https://app.example:8443/cb?a=1&b=%20',
    'https://192.0.2.1/cb',
    'https://[2001:db8::1]/cb',
    'HTTPS://APP.EXAMPLE/cb',
    'https://app.example/@alice',
    'https://app.example/cb?next=a@b',
    'http://localhost/cb',
    'http://localhost:1234',
    'http://127.0.0.1:1234/cb',
    'http://[::1]:1234/cb',
    OUT_OF_BAND,
    'com.example.app:/cb',
    'myapp://cb',
    'myapp://oauth/callback?x=1',
    `https://app.example/${'a'.repeat(2000 - 'https://app.example/'.length)}`,
  ])('takes %s', (uri) => {
    expect(isRedirectUri(uri, false)).toBe(true);
  });

  it.each([
    ...[
      'javascript',
      'data',
      'vbscript',
      'blob',
      'file',
      'filesystem',
      'about',
      'view-source',
      'ws',
      'wss',
      'ftp',
      'mailto',
      'jar',
    ].flatMap((scheme) => [`${scheme}:x`, `${scheme}://app.example/cb`, `${scheme.toUpperCase()}://app.example/cb`]),
    'JavaScript:alert(1)',
    'jAvAsCrIpT://app.example/%0aalert(1)',
  ])('refuses the scheme of %s', (uri) => {
    expect(isRedirectUri(uri, true)).toBe(false);
  });

  it.each([
    ['a fragment', 'https://app.example/cb#x'],
    ['an empty fragment', 'https://app.example/cb#'],
    ['a user', 'https://user@app.example/cb'],
    ['a user and a password', 'https://user:pass@app.example/cb'],
    ['an empty user', 'https://@app.example/cb'],
    ['a user that hides the host', 'http://127.0.0.1:80@evil.example/cb'],
    ['a user before a private host', 'myapp://user@cb'],
    ['a wildcard', 'https://*.app.example/cb'],
    ['a wildcard in the path', 'https://app.example/*'],
    ['a back-slash', 'https://app.example\\@evil.example/cb'],
    ['a space inside', 'https://app.example/a b'],
    ['a space before', ' https://app.example/cb'],
    ['a tab', 'https://app.example/a\tb'],
    ['a line break', 'java\nscript:alert(1)'],
    ['a control character', 'https://app.example/\u0001'],
    ['U+0000', 'https://app.example/\0'],
    ['an ideographic dot', 'https://app。example/cb'],
    ['a Cyrillic letter', 'https://аpp.example/cb'],
    ['no scheme', 'app.example/cb'],
    ['only a path', '/cb'],
    ['only a host', '//app.example/cb'],
    ['nothing', ''],
    ['only a scheme', 'https:'],
    ['no host', 'https:///cb'],
    ['https without slashes', 'https:app.example/cb'],
    ['http without slashes', 'http:localhost/cb'],
    ['a scheme that starts with a digit', '1app://cb'],
    ['a port out of range', 'https://app.example:99999/cb'],
    ['more than 2,000 characters', `https://app.example/${'a'.repeat(2001 - 'https://app.example/'.length)}`],
    ['a view-source', 'view-source:https://app.example'],
    ['almost out-of-band', 'urn:ietf:wg:oauth:2.0:oob#'],
  ])('refuses %s: %j', (_, uri) => {
    expect(isRedirectUri(uri, true)).toBe(false);
  });

  it.each([
    'http://app.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'http://localhost.evil.example/cb',
    'http://192.168.0.1/cb',
    'HTTP://app.example/cb',
  ])('takes plain %s only where the operator allows it', (uri) => {
    expect(isRedirectUri(uri, false)).toBe(false);
    expect(isRedirectUri(uri, true)).toBe(true);
  });
});

describe('redirectHost', () => {
  it.each([
    ['https://app.example/cb?x=1', 'app.example'],
    ['http://localhost:1234/cb', 'localhost:1234'],
    ['myapp://cb', 'myapp:'],
    ['com.example.app:/cb', 'com.example.app:'],
    [OUT_OF_BAND, 'a code to copy'],
  ])('shows %s as %s', (uri, expected) => {
    expect(redirectHost(uri)).toBe(expected);
  });
});

describe('redirectSource', () => {
  it.each([
    ['https://app.example/cb?x=1', 'https://app.example'],
    ['http://localhost:1234/cb', 'http://localhost:1234'],
    ['myapp://cb', 'myapp:'],
    [OUT_OF_BAND, null],
  ])('is for %s %s', (uri, expected) => {
    expect(redirectSource(uri)).toBe(expected);
  });
});
