import { describe, expect, it } from 'vitest';
import { Config } from '../config/config.js';
import { AuthorizationRefusal } from './errors.js';
import {
  appendQuery,
  clientRefusalUrl,
  clientUrl,
  loginRefusalUrl,
  oauthPairs,
  OUT_OF_BAND,
  pageUrl,
} from './oauth-redirects.js';

const config = Object.assign(new Config(), { publicUrl: 'https://id.example' });

describe('appendQuery', () => {
  it.each([
    ['https://app.example/cb', 'https://app.example/cb?code=x'],
    ['https://app.example', 'https://app.example?code=x'],
    ['https://app.example/cb?a=1', 'https://app.example/cb?a=1&code=x'],
    ['https://app.example/cb?a=%2f%2F;b', 'https://app.example/cb?a=%2f%2F;b&code=x'],
    ['HTTPS://App.Example:443/a/../cb', 'HTTPS://App.Example:443/a/../cb?code=x'],
    ['myapp://cb', 'myapp://cb?code=x'],
    ['com.example.app:/cb', 'com.example.app:/cb?code=x'],
    ['http://[::1]:8080/cb', 'http://[::1]:8080/cb?code=x'],
  ])('leaves %s as it is', (uri, expected) => {
    expect(appendQuery(uri, [['code', 'x']])).toBe(expected);
  });

  it('adds nothing when there is nothing', () => {
    expect(appendQuery('https://app.example/cb', [])).toBe('https://app.example/cb');
  });

  it('lets no value out of its place', () => {
    const state = `a&b=c#d?e\r\nSet-Cookie: f;+ 🌊"<'`;
    const url = appendQuery('https://app.example/cb', [['state', state]]);
    expect(url).toMatch(/^[\x21-\x7e]+$/);
    expect([...new URL(url).searchParams]).toEqual([['state', state]]);
    expect(new URL(url).hash).toBe('');
  });
});

describe('oauthPairs', () => {
  it('leaves absent parameters out and keeps empty ones', () => {
    expect(oauthPairs({ client_id: 'a', state: '' })).toEqual([
      ['client_id', 'a'],
      ['state', ''],
    ]);
  });
});

describe('clientUrl', () => {
  it('adds state, if given, and always iss', () => {
    expect(clientUrl(config, 'https://app.example/cb', [['code', 'x']], 's')).toBe(
      'https://app.example/cb?code=x&state=s&iss=https%3A%2F%2Fid.example',
    );
    expect(clientUrl(config, 'https://app.example/cb', [['code', 'x']], undefined)).toBe(
      'https://app.example/cb?code=x&iss=https%3A%2F%2Fid.example',
    );
    expect(clientUrl(config, 'https://app.example/cb', [], '')).toContain('?state=&iss=');
  });

  it('shows an out-of-band code on our own page', () => {
    expect(clientUrl(config, OUT_OF_BAND, [['code', 'x']], 's')).toBe('https://id.example/oauth/code?code=x&state=s');
    const moved = Object.assign(new Config(), { publicUrl: 'https://id.example' });
    moved.frontend.routes.code = '/copy';
    expect(clientUrl(moved, OUT_OF_BAND, [['code', 'x']], undefined)).toBe('https://id.example/copy?code=x');
  });
});

describe('pageUrl', () => {
  it('is on our own origin', () => {
    expect(pageUrl(config, '/oauth/consent', [['code', 'x y']])).toBe('https://id.example/oauth/consent?code=x%20y');
  });
});

describe('refusals', () => {
  const refusal = new AuthorizationRefusal(
    'account_is_disabled',
    'Your login is currently disabled',
    { client_id: 'c', redirect_uri: 'https://app.example/cb?a=1', state: 's' },
    'account_is_disabled',
  );

  it('go to the login page with everything that was sent', () => {
    expect(loginRefusalUrl(config, refusal)).toBe(
      'https://id.example/oauth/authorize?client_id=c&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fa%3D1&state=s' +
        '&error=access_denied&error_description=Your%20login%20is%20currently%20disabled&identifier=account_is_disabled',
    );
  });

  it('go to the client with its state and our issuer', () => {
    expect(clientRefusalUrl(config, refusal)).toBe(
      'https://app.example/cb?a=1&error=access_denied&error_description=Your%20login%20is%20currently%20disabled' +
        '&state=s&iss=https%3A%2F%2Fid.example',
    );
  });
});
