import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keyIdOf } from '../src/common/secret-keys.js';
import { newPerson } from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import {
  confirmTotp,
  forgetSteps,
  type Guarded,
  makeCodes,
  newGuarded,
  setUpTotp,
  showFactor,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';

const OLD = 'a test key of more than thirty-two characters';
const NEW = 'another key of more than thirty-two characters';
const DONE = { status: 200, body: {} };

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

/** Lets another instance, with other keys, do something on the same database. */
async function underKeys<Result>(keys: Adjust, work: (app: TestApp) => Promise<Result>): Promise<Result> {
  const app = await startApp(keys, test.database);
  try {
    return await work(app);
  } finally {
    await app.close();
  }
}
const rotated: Adjust = (config) => {
  config.secretKey = NEW;
  config.previousSecretKey = OLD;
};
const lost: Adjust = (config) => {
  config.secretKey = NEW;
};
const keyOf = async (who: { id: string }) => {
  const [row] = await test.dataSource.query('select key_id as "keyId" from totp_credential where user_id = $1', [
    who.id,
  ]);
  return row.keyId as string;
};
const signIn = async (app: TestApp, who = person) => {
  await forgetSteps(test, who);
  return signInWith(app, client, who.name, { code: who.app.code() });
};

/** Everything the database holds, as text. */
async function dump(): Promise<string> {
  const tables: { name: string }[] = await test.dataSource.query(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  );
  const texts = [];
  for (const { name } of tables) {
    const [row] = await test.dataSource.query(`select string_agg(t::text, ' ') as text from "${name}" t`);
    texts.push(row.text ?? '');
  }
  return texts.join('\n');
}

/** The bytes that a key of base32 stands for. */
function decoded(key: string): Buffer {
  const bits = [...key].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}

describe('the secret of an authenticator app', () => {
  it('is readable nowhere in the database or the log, nor are codes and tokens (security.md R15, R78)', async () => {
    const pending = await setUpTotp(test, person);
    const codes = await makeCodes(test, person);
    const stopped = await stopAtFactor(test, client, person.name);
    const shown = [person.app.wrongCode, person.app.code()];
    for (const code of shown) await showFactor(test, stopped, { code });
    const waiting = await stopAtFactor(test, client, person.name);
    const kept = await dump();
    expect(kept).toContain(person.name);
    const said = test.logs.join('\n');
    expect(said).toContain('/api/auth/mfa');
    const secrets = [person.app.key, pending.key, ...codes, stopped.token, waiting.token, waiting.cookie.slice(7)];
    for (const secret of secrets) {
      for (const spelled of [secret, secret.toLowerCase(), Buffer.from(secret).toString('hex')]) {
        expect(kept).not.toContain(spelled);
        expect(said).not.toContain(spelled);
      }
    }
    for (const { key } of [person.app, pending]) expect(kept).not.toContain(decoded(key).toString('hex'));
    // Six digits may stand in any long number, but not as a word.
    for (const code of shown) expect(said).not.toMatch(new RegExp(`["\\s=:]${code}["\\s&]`));
  });

  it('is sealed differently each time, with the id of the key beside it', async () => {
    const other = await newGuarded(test, client);
    const rows = await test.dataSource.query(
      'select key_id, sealed_secret from totp_credential where user_id = any($1)',
      [[person.id, other.id]],
    );
    for (const { key_id, sealed_secret } of rows) {
      expect(key_id).toBe(keyIdOf(OLD));
      // Nonce, tag, 32 characters.
      expect(sealed_secret).toHaveLength(12 + 16 + 32);
    }
    expect(rows[0].sealed_secret.subarray(0, 12)).not.toEqual(rows[1].sealed_secret.subarray(0, 12));
  });

  it('opens no more when a byte of it was changed', async () => {
    await test.dataSource.query(
      'update totp_credential set sealed_secret = set_byte(sealed_secret, 30, get_byte(sealed_secret, 30) # 1) where user_id = $1',
      [person.id],
    );
    expect(await signIn(test)).toBe('Invalid code');
  });

  it('still opens with SECRET_KEY_PREVIOUS, and not without', async () => {
    expect(await underKeys(rotated, (app) => signIn(app))).toBe('signed in');
    expect(await underKeys(lost, (app) => signIn(app))).toBe('Invalid code');
    expect(await signIn(test)).toBe('signed in');
  });

  it('of a setup that waits still opens as well', async () => {
    const early = await newPerson(test, client);
    const app = await setUpTotp(test, early);
    const fields = { password: PASSWORD, code: app.code() };
    expect(await underKeys(rotated, (at) => outcomeOf(confirmTotp(at, early, fields)))).toEqual(DONE);
    const guarded = { ...early, app };
    expect(await underKeys(rotated, (at) => signIn(at, guarded))).toBe('signed in');
  });

  it('lives on beside a new setup under the new key: both open', async () => {
    await underKeys(rotated, async (app) => {
      const pending = await setUpTotp(app, person);
      expect(await keyOf(person)).toBe(keyIdOf(NEW));
      expect(await signIn(app)).toBe('signed in');
      const fields = { password: PASSWORD, code: pending.code() };
      expect(await outcomeOf(confirmTotp(app, person, fields))).toEqual(DONE);
      expect(await signIn(app, { ...person, app: pending })).toBe('signed in');
    });
  });

  it.each([
    ['the previous key is still known', rotated],
    ['it is not', lost],
  ] as const)('can be set up anew after a setup that was never confirmed, also when %s', async (_, keys) => {
    const early = await newPerson(test, client);
    await setUpTotp(test, early);
    await underKeys(keys, async (app) => {
      const fresh = await setUpTotp(app, early);
      expect(await keyOf(early)).toBe(keyIdOf(NEW));
      const fields = { password: PASSWORD, code: fresh.code() };
      expect(await outcomeOf(confirmTotp(app, early, fields))).toEqual(DONE);
    });
  });
});

describe('the rows of what waits', () => {
  it('vanish within the hour after their end (contract.md §1.2)', async () => {
    const { MfaChallengesService } = await import('../src/oauth/mfa-challenges.service.js');
    await test.dataSource.query('delete from mfa_challenge');
    await test.dataSource.query(
      `insert into mfa_challenge (hash, user_id, application_id, scope, credential_epoch, expires_at)
       select sha256(n::text::bytea), $1, $2, 'read', 0, now() + make_interval(secs => n) from unnest(array[-1, 60]) n`,
      [person.id, client.id],
    );
    await test.app.get(MfaChallengesService, { strict: false }).purge();
    const rows = await test.dataSource.query('select expires_at > now() as live from mfa_challenge');
    expect(rows).toEqual([{ live: true }]);
  });
});
