import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsersService } from '../src/users/users.service.js';
import { startApp, type TestApp } from './support/app.js';
import { createUser, oauthQuery, PASSWORD, postLogin, redirectOf, registerClient } from './support/flows.js';

let test: TestApp;
let query: Record<string, string>;

beforeAll(async () => {
  test = await startApp();
  await test.listen();
  query = oauthQuery(await registerClient(test), { scope: 'read' });
});
afterAll(() => test.close());

/** Who is signed in by these credentials, or the word of the refusal. */
async function signedInBy(identifier: string, password = PASSWORD): Promise<string> {
  const { body, status, headers } = await postLogin(test, query, { identifier, password });
  if (status !== 302) return `${status} ${JSON.stringify(body)}`;
  const { sent } = redirectOf({ headers });
  if (sent['error'] !== undefined) return sent['error'];
  const [row] = await test.dataSource.query(
    `select u.username from authorization_code c join "user" u on u.id = c.user_id order by c.created_at desc limit 1`,
  );
  return row.username;
}

describe('POST /api/auth/login: who an identifier means (contract.md §0.10, security.md R45)', () => {
  const domain = 'localhost:3000';

  beforeAll(async () => {
    for (const name of ['alice', 'bob', 'kelvin', 'istanbul', 'sss']) await createUser(test, name);
    // Somebody's address spells like somebody else's name on another domain.
    await createUser(test, 'mallory', { email: 'alice@elsewhere.example' });
  });

  it.each([
    ['the name', 'alice'],
    ['the name in capitals', 'ALICE'],
    ['the name with space around it', ' \talice '],
    ['the address', 'alice@example.org'],
    ['the address in capitals', 'Alice@EXAMPLE.org'],
    ['@name', '@alice'],
    ['@name@our-domain', `@alice@${domain}`],
    ['@name@our-domain in capitals', `@Alice@${domain.toUpperCase()}`],
    ['name@our-domain', `alice@${domain}`],
  ])('understands %s', async (_, identifier) => {
    expect(await signedInBy(identifier)).toBe('alice');
  });

  it.each([
    ['a dotted capital I', 'İstanbul'],
    ['a dotless i', 'ıstanbul'],
    ['a long s', 'ſss'],
    ['the Kelvin sign', '\u212Aelvin'],
    ['full-width letters', 'ａｌｉｃｅ'],
    ['a Cyrillic letter', 'аlice'],
    ['a combining mark', 'alice\u0301'],
    ['a zero-width joiner', 'al\u200dice'],
    ['a remote account', 'alice@remote.example'],
    ['@name of a remote account', '@alice@remote.example'],
    ['our domain as a suffix', `alice@evil.${domain}`],
    ['our domain twice', `alice@${domain}@${domain}`],
    ['two @', '@@alice'],
    ['a wildcard', 'alic%'],
    ['SQL', `alice' or '1'='1`],
    ['an id of another kind', '1'],
    ['a property of every object', '__proto__'],
    ['a colon, as keys have', 'password_account:alice'],
  ])('does not take %s for anybody', async (_, identifier) => {
    expect(await signedInBy(identifier)).toBe('invalid_grant');
  });

  it('takes an address for its owner only, never for the name before its @', async () => {
    expect(await signedInBy('alice@elsewhere.example')).toBe('mallory');
  });

  it('takes name@our-domain for the one who has it as address', async () => {
    await createUser(test, 'owner1', { email: `bob@${domain}` });
    expect(await signedInBy(`bob@${domain}`)).toBe('owner1');
    expect(await signedInBy(`@bob@${domain}`)).toBe('bob');
  });

  it.each(['alice\u0001', 'al\u007fice', 'ali\nce', 'ali\u001b[31mce'])(
    'refuses the control character in %j',
    async (identifier) => {
      const answer = await postLogin(test, query, { identifier, password: PASSWORD });
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'identifier - Invalid value.' });
    },
  );
});

describe('POST /api/auth/login: passwords are exact bytes (contract.md §0.10, security.md R44)', () => {
  const head = 'x7Q!'.repeat(18);

  it.each([
    ['spaces around it', ' a password ', ['a password', ' a password', 'a password ', '  a password  ']],
    ['one case', 'Case Matters Here', ['case matters here', 'CASE MATTERS HERE']],
    ['the same first 72 bytes', `${head}12345678`, [`${head}12345679`, head, `${head}1234567`]],
    ['one normal form', 'caf\u00e9 caf\u00e9', ['cafe\u0301 cafe\u0301', 'cafe cafe']],
    ['control characters', 'tab\there\nand\u0001there', ['tabhere\nand\u0001there', 'tab here and there']],
    ['form characters', 'a+b&c=d%20#é🌊', ['a b&c=d%20#é🌊', 'a+b']],
    ['64 characters', 'y'.repeat(64), ['y'.repeat(63), 'y'.repeat(65)]],
    ['1,024 bytes', 'é'.repeat(512), [`${'é'.repeat(512)}x`, 'é'.repeat(511)]],
  ])('keeps %s', async (_, password, others) => {
    const username = `user_${password.length}_${head.length + others.length}_${Buffer.from(password).readUInt8(1)}`;
    const users = test.app.get(UsersService);
    await users.insert(await users.check({ username, email: null, password }));
    expect(await signedInBy(username, password)).toBe(username);
    for (const other of others) expect(await signedInBy(username, other), JSON.stringify(other)).toBe('invalid_grant');
  });

  it('keeps them the same in JSON, form and multipart', async () => {
    const password = ' é+&=\r\n🌊 %41 ';
    const users = test.app.get(UsersService);
    await users.insert(await users.check({ username: 'threeways', email: null, password }));
    const fields = { identifier: 'threeways', password };
    const post = () => test.http.post('/api/auth/login').query(query);
    for (const request of [post().send(fields), post().type('form').send(fields), post().field(fields)]) {
      expect(redirectOf(await request).sent).not.toHaveProperty('error');
    }
  });

  it('refuses U+0000 and lone surrogates', async () => {
    for (const password of ['with\0nul', 'lone\ud800surrogate']) {
      const answer = await test.http.post('/api/auth/login').query(query).send({ identifier: 'alice', password });
      expect(answer.status).toBe(400);
      expect(answer.body.error).toBe('invalid_request');
    }
  });

  it('refuses one of more than 1,024 bytes without hashing it: also when no hash can be had', async () => {
    const busy = Array.from({ length: 120 }, () =>
      postLogin(test, query, { identifier: 'alice', password: 'wrong' }).then(({ status }) => status),
    );
    const long = [];
    for (let i = 0; i < 5; i++) long.push(await signedInBy('alice', 'x'.repeat(1025)));
    expect(long).toEqual(Array.from({ length: 5 }, () => 'invalid_grant'));
    expect(await Promise.all(busy)).toContain(503);
  });

  it('refuses a body of a million characters unread', async () => {
    const answer = await postLogin(test, query, { identifier: 'alice', password: 'x'.repeat(1_000_000) });
    expect(answer.status).toBe(413);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Request body is too large' });
  });

  it('stores Argon2id with the parameters OWASP asks for, and nothing of the password', async () => {
    const [row] = await test.dataSource.query(`select password_hash from "user" where username = 'alice'`);
    const [, m, t, p] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(row.password_hash) ?? [];
    expect(Number(m)).toBeGreaterThanOrEqual(19_456);
    expect(Number(t)).toBeGreaterThanOrEqual(2);
    expect(Number(p)).toBeGreaterThanOrEqual(1);
  });
});

describe('POST /api/auth/login: time (security.md R32)', () => {
  it('is the same for a known name, an unknown one, and one without a password', async () => {
    await createUser(test, 'withoutpw', { passwordHash: null });
    const times: Record<string, number[]> = { alice: [], nobody_here: [], withoutpw: [] };
    const run = async (identifier: string) => {
      const from = performance.now();
      await postLogin(test, query, { identifier, password: 'a wrong password' });
      times[identifier]?.push(performance.now() - from);
    };
    for (let round = 0; round < 40; round++) for (const identifier of Object.keys(times)) await run(identifier);
    const median = (name: string) => times[name]?.sort((a, b) => a - b)[20] ?? 0;
    for (const other of ['nobody_here', 'withoutpw']) {
      const difference = Math.abs(median('alice') - median(other));
      expect(difference, `${median('alice')} ms and ${median(other)} ms`).toBeLessThan(
        Math.max(5, median('alice') / 4),
      );
    }
  });
});
