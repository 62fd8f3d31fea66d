import { describe, expect, it } from 'vitest';
import { idTokenProblem, isSubject, readPerson } from './claims.js';

describe('isSubject', () => {
  it.each(['a', '248289761001', 'auth0|5f7c8ec7', ' padded ', 'Müller', '0', 'nullify', '🙂', 'x'.repeat(255)])(
    'takes %j',
    (value) => {
      expect(isSubject(value)).toBe(true);
    },
  );

  it.each([
    undefined,
    null,
    true,
    5,
    0,
    [],
    ['a'],
    {},
    '',
    ' ',
    '\u00a0',
    'null',
    'undefined',
    'None',
    '[object Object]',
    'a\u0000b',
    'a\nb',
    'a\u0085b',
    'a\ud800',
    'x'.repeat(256),
  ])('refuses %j', (value) => {
    expect(isSubject(value)).toBe(false);
  });
});

describe('idTokenProblem', () => {
  const NOW = 1_800_000_000;
  const right = { aud: 'us', iat: NOW, sub: 'alice' };
  const FOR_OTHERS = 'the ID token is for somebody else as well';
  const FROM_THE_FUTURE = 'the ID token is from the future';

  it.each([
    ['one audience', {}],
    ['a list of one audience', { aud: ['us'] }],
    ['an azp that is ours', { azp: 'us' }],
    ['a clock that is five minutes fast', { iat: NOW + 300 }],
    ['an old token, whose end is looked at elsewhere', { iat: NOW - 100_000 }],
  ])('has nothing against %s', (_, claims) => {
    expect(idTokenProblem({ ...right, ...claims }, 'us', NOW)).toBeNull();
  });

  it.each([
    ['another audience', { aud: 'them' }, FOR_OTHERS],
    ['one more audience', { aud: ['us', 'them'] }, FOR_OTHERS],
    ['one more audience with an azp that is ours', { aud: ['us', 'them'], azp: 'us' }, FOR_OTHERS],
    ['an audience that only begins like ours', { aud: 'us2' }, FOR_OTHERS],
    ['another azp', { azp: 'them' }, FOR_OTHERS],
    ['an empty azp', { azp: '' }, FOR_OTHERS],
    ['an azp that is null', { azp: null }, FOR_OTHERS],
    ['an azp that is a list', { azp: ['us'] }, FOR_OTHERS],
    ['a time in the future', { iat: NOW + 301 }, FROM_THE_FUTURE],
    ['a subject that is a word for nothing', { sub: 'null' }, 'the ID token names no subject'],
    ['an empty subject', { sub: '' }, 'the ID token names no subject'],
  ])('objects to %s', (_, claims, problem) => {
    expect(idTokenProblem({ ...right, ...claims }, 'us', NOW)).toBe(problem);
  });

  it('goes by the time of now', () => {
    const iat = Math.floor(Date.now() / 1000);
    expect(idTokenProblem({ ...right, iat }, 'us')).toBeNull();
    expect(idTokenProblem({ ...right, iat: iat + 3600 }, 'us')).toBe(FROM_THE_FUTURE);
  });
});

describe('readPerson', () => {
  const token = { iss: 'https://sso.example', sub: 'alice', iat: 1_800_000_000 };
  const verified = { email: 'Alice@Example.org', email_verified: true };

  it('reads a token that says nothing else', () => {
    expect(readPerson(token, { sub: 'alice' })).toEqual({
      issuer: 'https://sso.example',
      subject: 'alice',
      preferredUsername: null,
      displayName: null,
      email: null,
      acr: null,
      amr: [],
      providerSessionId: null,
      issuedAt: 1_800_000_000,
      claims: token,
    });
  });

  it('takes names from either document; what is signed wins', () => {
    const userinfo = {
      sub: 'mallory',
      iss: 'https://evil.example',
      preferred_username: 'from userinfo',
      name: 'Alice',
    };
    const person = readPerson({ ...token, preferred_username: 'from the token' }, userinfo);
    expect(person).toMatchObject({
      issuer: 'https://sso.example',
      subject: 'alice',
      preferredUsername: 'from the token',
      displayName: 'Alice',
    });
    expect(person.claims).toEqual({ ...token, preferred_username: 'from the token', name: 'Alice' });
  });

  it('takes how somebody has proved who they are, and their session there, from the signed document only', () => {
    const said = { acr: 'gold', amr: ['otp', 5, null, 'pwd'], sid: 's-1' };
    const silent = { acr: null, amr: [], providerSessionId: null };
    expect(readPerson(token, said)).toMatchObject(silent);
    expect(readPerson({ ...token, ...said }, {})).toMatchObject({
      acr: 'gold',
      amr: ['otp', 'pwd'],
      providerSessionId: 's-1',
    });
    expect(readPerson({ ...token, amr: 'otp' }, {}).amr).toEqual(['otp']);
    expect(readPerson({ ...token, acr: 1, amr: { otp: true }, sid: 7 }, {})).toMatchObject(silent);
  });

  it.each([
    ['the token says both', verified, {}, 'alice@example.org'],
    ['userinfo says both', {}, verified, 'alice@example.org'],
    ['the address is not in the document that calls it verified', { email: 'victim@example.org' }, verified, null],
    ['the token says that it is verified, and userinfo names it', { email_verified: true }, { email: 'v@e.org' }, null],
    ['the token denies what userinfo says', { ...verified, email_verified: false }, verified, null],
    ['userinfo denies what the token says', verified, { ...verified, email_verified: false }, 'alice@example.org'],
    ['nothing is said of it', { email: 'alice@example.org' }, {}, null],
    ['it is said as a text', { ...verified, email_verified: 'true' }, {}, null],
    ['it is said as a number', { ...verified, email_verified: 1 }, {}, null],
    ['the address is no text', { email: ['alice@example.org'], email_verified: true }, {}, null],
    ['the address of the token is null', { email: null }, verified, null],
  ])('knows a verified address when %s (security.md R94)', (_, idToken, userinfo, email) => {
    expect(readPerson({ ...token, ...idToken }, userinfo).email).toBe(email);
  });

  it.each([
    ['  Alice  ', 'Alice'],
    ['A\r\nSet-Cookie: a=b', 'A  Set-Cookie: a=b'],
    ['\u0000', null],
    ['', null],
    [' ', null],
    ['\ud83d', null],
    ['x'.repeat(100), 'x'.repeat(100)],
    ['x'.repeat(101), null],
    [5, null],
    [null, null],
    [['Alice'], null],
    [{ toString: 'Alice' }, null],
  ])('reads the name %j as %j', (name, read) => {
    const person = readPerson({ ...token, name, preferred_username: name }, {});
    expect([person.displayName, person.preferredUsername]).toEqual([read, read]);
  });

  it('takes no claim for a property of every object', () => {
    const userinfo: Record<string, unknown> = JSON.parse(
      '{"__proto__":{"email":"a@example.org","email_verified":true}}',
    );
    expect(readPerson(token, userinfo)).toMatchObject({ email: null, preferredUsername: null });
  });
});
