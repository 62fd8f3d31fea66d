import { hashRaw } from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, rowsOf, signInOutcome } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import {
  callMfa,
  disableTotp,
  enableTotp,
  factorLetterKinds,
  factorLetters,
  type Guarded,
  makeCodes,
  meaningOf,
  MFA_PREFIXES,
  newGuarded,
  showFactor,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';

let test: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newGuarded(test, client);
});

const CODE = /^[23456789abcdefghjkmnpqrstuvwxyz]{10}$/;
const recover = (code = '', who: { name: string } = person) =>
  signInWith(test, client, who.name, { code, challenge_type: 'recovery' });

describe('GET /api/pleroma/accounts/mfa/backup_codes', () => {
  it.each(MFA_PREFIXES)('under %s, shows ten different codes, once, to be kept by nobody', async (prefix) => {
    const answer = await callMfa(test, person, 'get', '/backup_codes', prefix);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(['codes']);
    expect(answer.body.codes).toHaveLength(10);
    for (const code of answer.body.codes) expect(code).toMatch(CODE);
    expect(new Set(answer.body.codes).size).toBe(10);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    const again = await callMfa(test, person, 'get', '/backup_codes', prefix);
    expect(again.body.codes.filter((code: string) => answer.body.codes.includes(code))).toEqual([]);
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
  });

  it('keeps nothing but Argon2id digests of them (security.md R76)', async () => {
    const codes = await makeCodes(test, person);
    const rows: { salt: Buffer; hash: Buffer }[] = await test.dataSource.query(
      'select salt, hash from backup_code where user_id = $1',
      [person.id],
    );
    const kept = rows.map(({ hash }) => hash.toString('hex'));
    const { salt } = rows[0]!;
    expect(salt).toHaveLength(16);
    // 2 is Argon2id; its enum has no value at run time.
    const argon2id = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1, salt };
    for (const code of codes.slice(0, 3)) {
      expect(kept).toContain((await hashRaw(code, argon2id)).toString('hex'));
    }
    const [{ dump }] = await test.dataSource.query(`select string_agg(b::text, ' ') as dump from backup_code b`);
    for (const code of codes) {
      expect(dump).not.toContain(code);
      expect(dump).not.toContain(Buffer.from(code).toString('hex'));
    }
    expect(test.logs.join('')).not.toMatch(new RegExp(codes.join('|')));
    // A second person's, and the next set, are salted otherwise.
    const other = await newPerson(test, client);
    await Promise.all([makeCodes(test, person), makeCodes(test, other)]);
    const salts = await test.dataSource.query('select distinct salt from backup_code where user_id = any($1)', [
      [person.id, other.id],
    ]);
    expect(salts).toHaveLength(2);
    expect(salts.map((row: { salt: Buffer }) => row.salt.equals(salt))).toEqual([false, false]);
  });

  it('tells the owner by mail when a factor is on, and the journal always', async () => {
    const other = await newPerson(test, client);
    for (const who of [person, other]) {
      await newEvents(test, who.id);
      await makeCodes(test, who);
      expect(await newEvents(test, who.id)).toEqual(['mfa.codes_created']);
    }
    expect(await factorLetterKinds(test, other)).toEqual([]);
    expect((await factorLetters(test, person)).at(-1)).toMatchObject({
      template: 'backup_codes_made',
      recipient: person.email,
    });
  });

  it('counts by nothing that is sent along', async () => {
    const answer = callMfa(test, person, 'get', '/backup_codes').query({ count: '100', user_id: 'x' });
    expect((await answer).body.codes).toHaveLength(10);
  });
});

describe('a backup code', () => {
  let codes: string[];
  beforeEach(async () => {
    codes = await makeCodes(test, person);
  });

  it('signs in once; mail and journal tell of it, and how many are left', async () => {
    await newEvents(test, person.id);
    expect(await recover(codes[0])).toBe('signed in');
    expect(await newEvents(test, person.id)).toEqual(['login.mfa_required', 'mfa.passed', 'login.succeeded']);
    expect((await factorLetters(test, person)).at(-1)).toMatchObject({
      template: 'backup_code_used',
      recipient: person.email,
      facts: { left: '9', username: person.name, ip: '127.0.0.1' },
    });
    expect(await recover(codes[0])).toBe('Invalid code');
    expect(await recover(codes[1])).toBe('signed in');
    expect((await factorLetters(test, person)).at(-1)?.facts).toMatchObject({ left: '8' });
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(8);
  });

  it.each<[string, (code: string) => string]>([
    ['in capitals', (code) => code.toUpperCase()],
    ['in two halves', (code) => `${code.slice(0, 5)} ${code.slice(5)}`],
    ['with hyphens', (code) => code.match(/../g)!.join('-')],
    ['with blanks around', (code) => `  ${code}\t`],
    ['all of it', (code) => ` ${code.toUpperCase().split('').join(' - ')} `],
  ])('may be typed %s', async (_, typed) => {
    expect(await recover(typed(codes[0] ?? ''))).toBe('signed in');
    expect(await recover(codes[0])).toBe('Invalid code');
  });

  it.each<[string, (code: string) => string]>([
    ['too short', (code) => code.slice(1)],
    ['too long', (code) => `${code}2`],
    ['with another letter', (code) => (code.startsWith('2') ? '3' : '2') + code.slice(1)],
    ['with underscores', (code) => code.match(/../g)!.join('_')],
    ['fullwidth', (code) => code.replace(/[a-z\d]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0))],
    ['two at once', (code) => `${code},${codes[1]}`],
    ['very long', (code) => code.repeat(150)],
    ['nothing', () => ''],
  ])('is refused: %s', async (_, typed) => {
    expect(await recover(typed(codes[0] ?? ''))).toBe('Invalid code');
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
    expect(await recover(codes[0])).toBe('signed in');
  });

  it('is void once there are new ones', async () => {
    const fresh = await makeCodes(test, person);
    for (const code of codes.slice(0, 2)) expect(await recover(code)).toBe('Invalid code');
    expect(await recover(fresh[0])).toBe('signed in');
  });

  it('is one’s own', async () => {
    const other = await newGuarded(test, client);
    expect(await recover(codes[0], other)).toBe('Invalid code');
    await makeCodes(test, other);
    expect(await recover(codes[0], other)).toBe('Invalid code');
    expect(await recover(codes[0])).toBe('signed in');
  });

  it('made before a factor is on works from when one is, and asks for nothing before', async () => {
    const early = await newPerson(test, client);
    const [code] = await makeCodes(test, early);
    expect(await signInOutcome(test, client, early.name)).toBe('signed in');
    await enableTotp(test, early);
    expect(await recover(code, early)).toBe('signed in');
  });

  it('does nothing while no factor is on, and goes with the last one', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    await test.dataSource.query('delete from totp_credential where user_id = $1', [person.id]);
    const answer = await showFactor(test, stopped, { code: codes[0], challenge_type: 'recovery' });
    expect(meaningOf(answer)).toBe('Invalid code');
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
    await enableTotp(test, person);
    await disableTotp(test, person);
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(0);
    await enableTotp(test, person);
    expect(await recover(codes[0])).toBe('Invalid code');
  });

  it('leaves the app on, and is no way to turn it off', async () => {
    expect(await recover(codes[0])).toBe('signed in');
    const off = callMfa(test, person, 'delete', '/totp').send({ code: codes[1] });
    expect(await outcomeOf(off)).toEqual({ status: 422, body: { error: 'Invalid password.' } });
    const asPassword = callMfa(test, person, 'delete', '/totp').send({ password: codes[1] });
    expect(await outcomeOf(asPassword)).toEqual({ status: 422, body: { error: 'Invalid password.' } });
    const confirm = callMfa(test, person, 'post', '/confirm/totp').send({ password: PASSWORD, code: codes[1] });
    expect(await outcomeOf(confirm)).toEqual({ status: 422, body: { error: 'Start the setup first.' } });
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });
});
