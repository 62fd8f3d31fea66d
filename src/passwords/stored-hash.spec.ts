import { afterAll, describe, expect, it } from 'vitest';
import { PasswordHasher } from './password-hasher.js';
import { hashProblem, needsRehash } from './stored-hash.js';

const STAPLE = 'correct horse battery staple';

/** Password and hash; none was made by the libraries that check them here. */
const VECTORS: Record<string, [string, string]> = {
  // Argon2's reference implementation, src/test.c.
  'Argon2i of 1.0, without a version': [
    'password',
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
  ],
  Argon2i: ['password', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
  'Argon2id with two lanes': [
    'password',
    '$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc',
  ],
  // OpenSSL 3.5.
  Argon2d: [STAPLE, '$argon2d$v=19$m=1024,t=3,p=2$c2l4dGVlbiBieXRlIHNhbA$QGUnmwC1YCMhO1vOAJyWq3zDkjJzWy4NwINLkGNmjjw'],
  Argon2id: [
    STAPLE,
    '$argon2id$v=19$m=1024,t=3,p=2$c2l4dGVlbiBieXRlIHNhbA$CU+EOn86CUcfVYH28fBb1HHmp2N8X6EX5pRFjroWWbk',
  ],
  // Openwall's crypt_blowfish.
  'bcrypt of a short password': ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  // libxcrypt 4.
  'bcrypt $2a$': [STAPLE, '$2a$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG'],
  'bcrypt $2y$, beyond ASCII': ['pässwörd', '$2y$10$N9qo8uLOickgx2ZMRZoMyea4.0P0pYhi6qvH1JvBIAGN8XbACJU.i'],
  'bcrypt $2b$ of 80 characters': ['x'.repeat(80), '$2b$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582'],
  // Pleroma's own tests.
  'PBKDF2 of one round': [
    'password',
    '$pbkdf2-sha512$1$QJpEYw8iBKcnY.4Rm0eCVw$UBPeWQ91RxSv3snxsb/ZzMeG/2aa03c541bbo8vQudREGNta5t8jBQrd00fyJp8RjaqfvgdZxy2rhSwljyu21g',
  ],
  // Python's hashlib.
  PBKDF2: [
    STAPLE,
    '$pbkdf2-sha512$160000$8PHy8/T19vf4.fr7/P3./w$IZ18u1XuHWAqwoODp04mttmnZbpRtDBo6SAVlzgiMTYZpWtwU3qy1C3Cql/iLMmhZMHM3rzDv8GdBXY12LQCSA',
  ],
};
const [, ARGON2] = VECTORS['Argon2id']!;
const [, BCRYPT] = VECTORS['bcrypt $2a$']!;
const [, PBKDF2] = VECTORS['PBKDF2']!;

const hasher = new PasswordHasher();
afterAll(() => hasher.onApplicationShutdown());

describe.each(Object.entries(VECTORS))('%s', (_, [password, stored]) => {
  it('is accepted, recognises its password only, and waits to be replaced', async () => {
    expect(hashProblem(stored)).toBeNull();
    expect(needsRehash(stored)).toBe(true);
    expect(await hasher.verify(stored, password)).toBe(true);
    expect(await hasher.verify(stored, `${password.slice(0, -1)}!`)).toBe(password.length > 72);
    expect(await hasher.verify(stored, '')).toBe(false);
  });

  it('is refused when it is cut short or garbled, and recognises nothing then', async () => {
    for (const bad of [
      stored.slice(0, -1),
      stored.slice(0, stored.lastIndexOf('$') + 9),
      `${stored}=`,
      `${stored.slice(0, -1)}!`,
      `${stored}\n`,
    ]) {
      expect(hashProblem(bad), bad).toMatch(/^(Argon2|bcrypt|PBKDF2) hash is cut short or garbled$/);
      expect(await hasher.verify(bad, password)).toBe(false);
    }
  });
});

describe('hashProblem', () => {
  it.each([
    ['', 'password hash is of an unknown kind'],
    ['correct horse battery staple', 'password hash is of an unknown kind'],
    ['5f4dcc3b5aa765d61d8327deb882cf99', 'password hash is of an unknown kind'],
    ['$6$salt$digest', 'password hash is of an unknown kind'],
    [BCRYPT.replace('$2a$', '$2x$'), 'password hash is of an unknown kind'],
    [PBKDF2.replace('sha512', 'sha256'), 'password hash is of an unknown kind'],
    [` ${BCRYPT}`, 'password hash is of an unknown kind'],
    [BCRYPT.replace('$10$', '$16$'), 'bcrypt hash costs more than 15'],
    [BCRYPT.replace('$10$', '$03$'), 'bcrypt hash is cut short or garbled'],
    [BCRYPT.replace('Myeh', 'Myfh'), 'bcrypt hash is cut short or garbled'],
    [PBKDF2.replace('160000', '1000001'), 'PBKDF2 hash has more than 1,000,000 rounds'],
    [PBKDF2.replace('160000', '0'), 'PBKDF2 hash is cut short or garbled'],
    [PBKDF2.replace('160000', '1e5'), 'PBKDF2 hash is cut short or garbled'],
    [PBKDF2.replace('8PHy8/T19vf4.fr7/P3./w', ''), 'PBKDF2 hash is cut short or garbled'],
    [ARGON2.replace('m=1024', 'm=262145'), 'Argon2 hash needs more than 256 MiB'],
    [ARGON2.replace('m=1024', `m=${'9'.repeat(400)}`), 'Argon2 hash needs more than 256 MiB'],
    [ARGON2.replace('t=3', 't=21'), 'Argon2 hash needs more than 20 passes'],
    [ARGON2.replace('p=2', 'p=17'), 'Argon2 hash needs more than 16 lanes'],
    [ARGON2.replace('m=1024', 'm=15'), 'Argon2 hash is cut short or garbled'],
    [ARGON2.replace('v=19', 'v=18'), 'Argon2 hash is cut short or garbled'],
    [ARGON2.replace('t=3', 't=03'), 'Argon2 hash is cut short or garbled'],
    [ARGON2.replace('c2l4dGVlbiBieXRlIHNhbA', 'c2l4dA'), 'Argon2 hash is cut short or garbled'],
    [ARGON2.replace('$argon2id', '$argon2x'), 'Argon2 hash is cut short or garbled'],
  ])('says of %j why it is not accepted', (stored, problem) => {
    expect(hashProblem(stored)).toBe(problem);
  });

  it.each([
    BCRYPT.replace('$10$', '$15$'),
    PBKDF2.replace('160000', '1000000'),
    ARGON2.replace('m=1024,t=3,p=2', 'm=262144,t=20,p=16'),
  ])('accepts the highest cost: %s', (stored) => {
    expect(hashProblem(stored)).toBeNull();
  });
});

describe('a hash of ours', () => {
  it('is accepted as it is', async () => {
    const ours = await hasher.hash(STAPLE);
    expect(hashProblem(ours)).toBeNull();
    expect(needsRehash(ours)).toBe(false);
    expect(await hasher.verify(ours, STAPLE)).toBe(true);
  });
});

describe('bcrypt', () => {
  it('is not fooled by a password that repeats itself behind a NUL', async () => {
    expect(await hasher.verify(BCRYPT, STAPLE)).toBe(true);
    expect(await hasher.verify(BCRYPT, `${STAPLE}\0${STAPLE}`)).toBe(false);
  });
});

it('no hash recognises no password', async () => {
  expect(await hasher.verify(null, '')).toBe(false);
  expect(await hasher.verify(null, STAPLE)).toBe(false);
});
