import { Resvg } from '@resvg/resvg-js';
import jsQrModule from 'jsqr';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import {
  callMfa,
  confirmTotp,
  enableTotp,
  factorLetterKinds,
  forgetSteps,
  MFA_PREFIXES,
  setUpTotp,
  signInWith,
} from './support/mfa.js';

// Its types speak of another export than it has as a CommonJS module.
const jsQR = jsQrModule as unknown as typeof jsQrModule.default;

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

const DONE = { status: 200, body: {} };
const NOT_BEGUN = { status: 422, body: { error: 'Start the setup first.' } };
const WRONG = { status: 422, body: { error: 'invalid_token' } };
const confirm = (code: string) => outcomeOf(confirmTotp(test, person, { password: PASSWORD, code }));

/** The secrets of a person's row, as the database keeps them. */
async function keptSecrets(): Promise<{ active: Buffer | null; pending: Buffer | null; lastStep: number | null }> {
  const [row] = await test.dataSource.query(
    `select sealed_secret as active, pending_sealed_secret as pending, last_step as "lastStep" from totp_credential
     where user_id = $1`,
    [person.id],
  );
  return row;
}

/** What the camera of a phone reads from the picture. */
function readPicture(dataUri: string): string | undefined {
  const svg = Buffer.from(dataUri.replace(/^data:image\/svg\+xml;base64,/, ''), 'base64').toString();
  const { pixels, width, height } = new Resvg(svg, { fitTo: { mode: 'width', value: 400 } }).render();
  return jsQR(new Uint8ClampedArray(pixels), width, height)?.data;
}

describe('GET /api/pleroma/accounts/mfa/setup/totp', () => {
  it.each(MFA_PREFIXES)('under %s, answers a key of 160 bits and the URI that apps read', async (prefix) => {
    const answer = await callMfa(test, person, 'get', '/setup/totp', prefix);
    expect(answer.status).toBe(200);
    const { key, provisioning_uri: uri, ...more } = answer.body;
    expect(key).toMatch(/^[A-Z2-7]{32}$/);
    const account = `${person.name}%40localhost%3A3000`;
    expect(uri).toBe(
      `otpauth://totp/Gatehouse:${account}?secret=${key}&issuer=Gatehouse&algorithm=SHA1&digits=6&period=30`,
    );
    expect(more).toEqual({ qr_code: expect.stringMatching(/^data:image\/svg\+xml;base64,/) });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
  });

  it('shows a QR code that says the same', async () => {
    const { body } = await callMfa(test, person, 'get', '/setup/totp');
    expect(readPicture(body.qr_code)).toBe(body.provisioning_uri);
  });

  it('lets no name add a parameter to the URI (security.md R70)', async () => {
    const odd = await startApp((config) => {
      config.mfa.totp_issuer = 'Gate:house?secret=A&x\r\n#é/%';
    }, test.database);
    const { key, provisioning_uri: uri } = (await callMfa(odd, person, 'get', '/setup/totp')).body;
    await odd.close();
    const issuer = 'Gate%3Ahouse%3Fsecret%3DA%26x%0D%0A%23%C3%A9%2F%25';
    expect(uri).toBe(
      `otpauth://totp/${issuer}:${person.name}%40localhost%3A3000?secret=${key}&issuer=${issuer}&algorithm=SHA1&digits=6&period=30`,
    );
    expect([...new URL(uri).searchParams.keys()]).toEqual(['secret', 'issuer', 'algorithm', 'digits', 'period']);
  });

  it('never gives two of the same, and leaves nothing on', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => setUpTotp(test, person)));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(5);
    expect(await outcomeOf(callMfa(test, person, 'get', ''))).toEqual({
      status: 200,
      body: { settings: { enabled: false, totp: false } },
    });
    const events = await newEvents(test, person.id);
    expect(events.filter((type) => type.startsWith('mfa'))).toEqual([]);
  });

  it('voids an earlier setup', async () => {
    const first = await setUpTotp(test, person);
    const second = await setUpTotp(test, person);
    expect(await confirm(first.code())).toStrictEqual(WRONG);
    expect(await confirm(second.code())).toStrictEqual(DONE);
  });

  it('waits for ten minutes', async () => {
    const app = await setUpTotp(test, person);
    const age = (interval: string) =>
      test.dataSource.query(
        `update totp_credential set pending_expires_at = pending_expires_at - interval '${interval}' where user_id = $1`,
        [person.id],
      );
    await age('9 minutes 50 seconds');
    expect(await confirm(app.wrongCode)).toStrictEqual(WRONG);
    await age('11 seconds');
    expect(await confirm(app.code())).toStrictEqual(NOT_BEGUN);
    expect((await keptSecrets()).active).toBeNull();
    const again = await setUpTotp(test, person);
    expect(await confirm(again.code())).toStrictEqual(DONE);
  });

  it('neither touches nor tells the secret that counts, until the new one is confirmed (security.md R69)', async () => {
    const active = await enableTotp(test, person);
    const before = await keptSecrets();
    const pending = await setUpTotp(test, person);
    expect(pending.key).not.toBe(active.key);
    expect((await keptSecrets()).active).toEqual(before.active);
    // What the waiting one shows is worth nothing, and what the active one shows confirms nothing.
    expect(await signInWith(test, client, person.name, { code: pending.code() })).toBe('Invalid code');
    expect(await confirm(active.code())).toStrictEqual(WRONG);
    expect(await signInWith(test, client, person.name, { code: active.code() })).toBe('signed in');
    expect((await keptSecrets()).pending).not.toBeNull();

    expect(await confirm(pending.code())).toStrictEqual(DONE);
    await forgetSteps(test, person);
    expect(await signInWith(test, client, person.name, { code: active.code() })).toBe('Invalid code');
    expect(await signInWith(test, client, person.name, { code: pending.code() })).toBe('signed in');
    expect((await factorLetterKinds(test, person)).filter((letter) => letter === 'factor_added')).toHaveLength(2);
  });

  it('is one’s own: nobody else’s code confirms it, and it confirms nobody else’s', async () => {
    const app = await setUpTotp(test, person);
    const other = await newPerson(test, client);
    const asOther = () => outcomeOf(confirmTotp(test, other, { password: PASSWORD, code: app.code() }));
    expect(await asOther()).toStrictEqual(NOT_BEGUN);
    await setUpTotp(test, other);
    expect(await asOther()).toStrictEqual(WRONG);
    expect(await confirm(app.code())).toStrictEqual(DONE);
  });

  it('waits no more when it is confirmed', async () => {
    const app = await setUpTotp(test, person);
    expect(await confirm(app.code())).toStrictEqual(DONE);
    expect(await keptSecrets()).toMatchObject({ active: expect.any(Buffer), pending: null });
    expect(await confirm(app.code(1))).toStrictEqual(NOT_BEGUN);
  });
});
