import { describe, expect, it } from 'vitest';
import { readDescriptor } from './resource-descriptor.js';

const SELF = { rel: 'self', type: 'application/activity+json', href: 'https://example.org/users/alice' };
const PAGE = { rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: 'https://example.org/@alice' };
const ANSWER = { subject: 'acct:Alice@example.org', aliases: [PAGE.href], links: [PAGE, SELF] };

const read = (json: unknown) => readDescriptor(json, ({ protocol }) => protocol === 'https:');
const readSelf = (...links: unknown[]) => read({ ...ANSWER, links })?.uri ?? null;

describe('readDescriptor', () => {
  it('reads the subject, the actor and the page', () => {
    expect(read(ANSWER)).toEqual({
      subject: { username: 'alice', host: 'example.org' },
      uri: 'https://example.org/users/alice',
      url: 'https://example.org/@alice',
    });
  });

  it.each([
    ['null', null],
    ['a list', [ANSWER]],
    ['a text', 'acct:alice@example.org'],
    ['nothing', {}],
    ['no subject', { links: ANSWER.links }],
    ['a subject that is no text', { ...ANSWER, subject: ['acct:alice@example.org'] }],
    ['a subject that is no account', { ...ANSWER, subject: 'https://example.org/@alice' }],
    ['no links', { subject: ANSWER.subject }],
    ['links that are no list', { ...ANSWER, links: { self: SELF } }],
    ['no actor', { ...ANSWER, links: [PAGE] }],
  ])('reads nothing from %s', (_, json) => {
    expect(read(json)).toBeNull();
  });

  it.each([
    'application/activity+json',
    'Application/Activity+JSON; charset=utf-8',
    'application/ld+json',
    'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
  ])('takes an actor of the type %s', (type) => {
    expect(readSelf({ ...SELF, type })).toBe(SELF.href);
  });

  it.each([undefined, 'text/html', 'application/json', 7])('takes no actor of the type %s', (type) => {
    expect(readSelf({ ...SELF, type })).toBeNull();
  });

  it('takes the first link that is an actor', () => {
    const html = { ...SELF, type: 'text/html', href: 'https://example.org/html' };
    const second = { ...SELF, href: 'https://example.org/second' };
    expect(readSelf(null, 7, [], {}, { rel: 'self' }, html, { ...SELF, href: 7 }, SELF, second)).toBe(SELF.href);
  });

  it.each([
    'http://example.org/users/alice',
    'javascript:alert(1)',
    '/users/alice',
    'https://',
    'https://example.org/users/\0',
    'https://example.org/users/\ud800',
    'https://exam\tple.org/users/alice',
    ' https://example.org/users/alice',
    `https://example.org/${'a'.repeat(2048)}`,
  ])('follows neither actor nor page to %j', (href) => {
    expect(readSelf({ ...SELF, href })).toBeNull();
    expect(read({ ...ANSWER, links: [{ ...PAGE, href }, SELF] })?.url).toBeNull();
  });

  it('looks at a hundred links', () => {
    const others: unknown[] = Array.from({ length: 100 }, () => ({ rel: 'me' }));
    expect(readSelf(...others.slice(1), SELF)).toBe(SELF.href);
    expect(readSelf(...others, SELF)).toBeNull();
  });
});
