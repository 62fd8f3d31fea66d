import { describe, expect, it } from 'vitest';
import { readLogoutClaims } from './logout-claims.js';
import { ProviderTrouble } from './provider-trouble.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const NOW = 1_800_000_000;
const right = { sub: 'alice', sid: 's-1', iat: NOW, exp: NOW + 120, jti: 'j-1', events: { [EVENT]: {} } };

/** Reads a token with these claims, as they arrive in JSON. */
const read = (claims: object) => readLogoutClaims('https://sso.example', { ...right, ...claims }, NOW);

describe('readLogoutClaims (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6)', () => {
  it('says whose sessions have ended, and since when', () => {
    const request = { issuer: 'https://sso.example', subject: 'alice', providerSessionId: 's-1', issuedAt: NOW };
    expect(read({})).toEqual(request);
    expect(read({ sid: undefined })).toEqual({ ...request, providerSessionId: null });
    expect(read({ sub: undefined })).toEqual({ ...request, subject: null });
    expect(read({ events: { 'https://example.org/another': 'event', [EVENT]: { more: true } } })).toEqual(request);
  });

  it('takes clocks that differ by five minutes, and deliveries that are late by an hour', () => {
    expect(read({ iat: NOW + 300 }).issuedAt).toBe(NOW + 300);
    expect(read({ iat: NOW - 3600 }).issuedAt).toBe(NOW - 3600);
  });

  it.each([
    ['a time in the future', { iat: NOW + 301 }, 'is not of now'],
    ['a time long ago', { iat: NOW - 3601 }, 'is not of now'],
    ['a jti that is no text', { jti: 5 }, 'lacks iat, exp or jti'],
    ['no iat', { iat: undefined }, 'lacks iat, exp or jti'],
    ['no exp', { exp: undefined }, 'lacks iat, exp or jti'],
    ['no jti', { jti: undefined }, 'lacks iat, exp or jti'],
    ['no events', { events: undefined }, 'has no logout event'],
    ['events that are null', { events: null }, 'has no logout event'],
    ['events that are a text', { events: EVENT }, 'has no logout event'],
    ['events that are a list', { events: [EVENT] }, 'has no logout event'],
    ['another event', { events: { 'https://example.org/another': {} } }, 'has no logout event'],
    ['an event that says nothing', { events: { [EVENT]: null } }, 'has no logout event'],
    ['an event that is a text', { events: { [EVENT]: 'yes' } }, 'has no logout event'],
    ['an inherited event', { events: { toString: {} } }, 'has no logout event'],
    ['a nonce, as ID tokens have', { nonce: 'n' }, 'has a nonce'],
    ['a nonce that is empty', { nonce: '' }, 'has a nonce'],
    ['an empty subject', { sub: '' }, 'names no subject'],
    ['a subject that is a number', { sub: 5 }, 'names no subject'],
    ['a subject that is null', { sub: null }, 'names no subject'],
    ['a subject that is a word for nothing', { sub: 'undefined' }, 'names no subject'],
    ['a session that is a number', { sid: 5 }, 'names no session'],
    ['a session that is null', { sid: null }, 'names no session'],
    ['neither', { sub: undefined, sid: undefined }, 'names neither subject nor session'],
  ])('refuses %s', (_, claims, reason) => {
    const refusal = new ProviderTrouble('refused', `the logout token ${reason}`);
    expect(() => read(claims)).toThrow(expect.objectContaining({ kind: 'refused', message: refusal.message }));
  });
});
