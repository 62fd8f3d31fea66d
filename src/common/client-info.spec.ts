import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, clientInfo, networkOf } from './client-info.js';

const request = (facts: { ip?: string; userAgent?: string }) =>
  ({
    id: 'a-request',
    ip: facts.ip ?? '192.0.2.1',
    headers: { 'user-agent': facts.userAgent },
  }) as unknown as FastifyRequest;

describe('clientInfo', () => {
  it('tells address, user agent and request', () => {
    expect(clientInfo(request({ userAgent: 'Mozilla/5.0' }))).toEqual({
      ip: '192.0.2.1',
      userAgent: 'Mozilla/5.0',
      requestId: 'a-request',
    });
  });

  it.each([undefined, ''])('has null for the user agent %j', (userAgent) => {
    expect(clientInfo(request({ userAgent })).userAgent).toBeNull();
  });

  it('cuts a user agent at 256 characters', () => {
    expect(clientInfo(request({ userAgent: 'x'.repeat(257) })).userAgent).toBe('x'.repeat(256));
  });

  it('lets no control character into the journal', () => {
    expect(clientInfo(request({ userAgent: 'a\r\nb\u001b[31mc\u0000d\u0085e' })).userAgent).toBe('a  b [31mc d e');
  });
});

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['unknown', 'unknown'],
    ['', ''],
  ])('spells %s as %s', (address, expected) => {
    expect(canonicalAddress(address)).toBe(expected);
  });
});

describe('networkOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['::1', '::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['not an address', 'not an address'],
  ])('counts %s as %s', (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });
});
