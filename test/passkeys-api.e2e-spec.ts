import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { SoftwareAuthenticator } from './support/authenticator.js';
import { BODY_FORMS, outcomeOf, PASSWORD, registerClient, sendAs, type TestClient } from './support/flows.js';
import { addPasskey, callPasskeys, eventsOf, makePasskey } from './support/passkeys.js';
import { factorLetters, factorLetterKinds, MFA } from './support/mfa.js';

const NOT_FOUND = { status: 404, body: { error: 'Record not found' } };

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp((config) => (config.instance.title = 'Little Pond'));
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

describe('POST /api/v1/gatehouse/passkeys/options', () => {
  it('answers what a browser needs, and names what the person has already', async () => {
    const first = await callPasskeys(test, person, 'post', '/options');
    expect(first.status).toBe(200);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.body).toMatchObject({
      rp: { name: 'Little Pond', id: 'localhost' },
      user: { id: Buffer.from(person.id.replaceAll('-', ''), 'hex').toString('base64url'), name: person.name },
      timeout: 300_000,
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
      attestation: 'none',
    });
    expect(first.body.pubKeyCredParams).toEqual([-8, -7, -257].map((alg) => ({ type: 'public-key', alg })));
    const { device } = await addPasskey(test, person);
    const second = await callPasskeys(test, person, 'post', '/options');
    expect(second.body.challenge).not.toBe(first.body.challenge);
    expect(second.body.excludeCredentials).toEqual([
      { id: device.id, transports: ['internal', 'hybrid'], type: 'public-key' },
    ]);
  });
});

describe('POST /api/v1/gatehouse/passkeys', () => {
  it('keeps a passkey, tells of it, and asks for it from then on', async () => {
    const response = await makePasskey(test, person);
    const answer = await callPasskeys(test, person, 'post').send({ name: '  The blue key ', response });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/),
      name: 'The blue key',
      transports: ['internal', 'hybrid'],
      backed_up: false,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      last_used_at: null,
    });
    expect(await outcomeOf(callPasskeys(test, person, 'get'))).toEqual({ status: 200, body: [answer.body] });
    const state = await test.http.get(MFA).auth(person.token, { type: 'bearer' });
    expect(state.body).toEqual({ settings: { enabled: true, totp: false } });
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(['passkey.added']);
    expect(await factorLetters(test, person)).toMatchObject([
      { template: 'factor_added', recipient: person.email, facts: { username: person.name, factor: 'a passkey' } },
    ]);
  });

  it.each(BODY_FORMS)('takes the answer as text in a %s body, and a passkey without a name', async (form) => {
    const device = new SoftwareAuthenticator({ counts: false });
    const response = JSON.stringify(await makePasskey(test, person, device));
    const answer = await sendAs(callPasskeys(test, person, 'post'), form, { response, name: '  ' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ name: 'Passkey', backed_up: true });
  });

  it('ends sign-ins that wait for another factor', async () => {
    await test.dataSource.query(
      `insert into pending_sign_in (hash, browser_hash, step, user_id, credential_epoch, parameters, expires_at)
       values (sha256($1::uuid::text::bytea), '', 'second_factor', $1, 0, '{}', now() + interval '5 minutes')`,
      [person.id],
    );
    await addPasskey(test, person);
    expect(await test.dataSource.query('select from pending_sign_in where user_id = $1', [person.id])).toEqual([]);
  });

  it('keeps no more than twenty, also when two arrive at once', async () => {
    await test.dataSource.query(
      `insert into passkey (id, user_id, credential_id, public_key, name)
       select gen_random_uuid(), $1::uuid, $1::text || n, '', 'Key ' || n from generate_series(1, 19) n`,
      [person.id],
    );
    const [one, two] = [await makePasskey(test, person), await makePasskey(test, person)];
    const outcomes = await Promise.all(
      [one, two].map((response) => outcomeOf(callPasskeys(test, person, 'post').send({ response }))),
    );
    const refused = outcomes.filter(({ status }) => status !== 200);
    expect(refused).toEqual([{ status: 422, body: { error: 'You have too many passkeys' } }]);
    expect((await callPasskeys(test, person, 'get')).body).toHaveLength(20);
  });

  it('takes one credential once, whoever brings it', async () => {
    const { device } = await addPasskey(test, person);
    const other = await newPerson(test, client);
    for (const who of [person, other]) {
      const response = await makePasskey(test, who, new SoftwareAuthenticator(), { id: device.id });
      expect(await outcomeOf(callPasskeys(test, who, 'post').send({ response }))).toEqual({
        status: 422,
        body: { error: 'This passkey is registered already' },
      });
    }
    expect(await factorLetterKinds(test, other)).toEqual([]);
    expect((await callPasskeys(test, other, 'get')).body).toEqual([]);
  });

  it.each([
    ['no name that long', { name: 'x'.repeat(101) }, 'name - Invalid value.'],
    ['no line in a name', { name: 'a\nb' }, 'name - Invalid value.'],
    ['a name that is a list', { name: ['a'] }, 'name - Invalid string.'],
    ['a password that is a number', { password: 5 }, 'password - Invalid string.'],
  ])('takes %s', async (_, fields, sentence) => {
    const response = await makePasskey(test, person);
    const answer = await callPasskeys(test, person, 'post').send({ response, ...fields });
    expect({ status: answer.status, error: answer.body.error }).toEqual({ status: 400, error: sentence });
  });
});

describe('PATCH /api/v1/gatehouse/passkeys/:id', () => {
  it('gives a passkey another name', async () => {
    const { passkey } = await addPasskey(test, person);
    const renamed = callPasskeys(test, person, 'patch', `/${passkey.id}`).send({ name: ' Mine ' });
    const { body } = await renamed;
    expect(body).toMatchObject({ id: passkey.id, name: 'Mine' });
    expect((await callPasskeys(test, person, 'get')).body).toEqual([body]);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(['passkey.added', 'passkey.renamed']);
  });

  it('finds nobody else’s, none that is gone, and no id that is none', async () => {
    const other = await newPerson(test, client);
    const { passkey } = await addPasskey(test, other);
    for (const id of [passkey.id, passkey.id.replace(/.$/, 'x'), '1', 'x'.repeat(200), '%00']) {
      const answer = callPasskeys(test, person, 'patch', `/${id}`).send({ name: 'Stolen' });
      expect(await outcomeOf(answer)).toEqual(NOT_FOUND);
    }
    expect((await callPasskeys(test, other, 'get')).body).toMatchObject([{ name: 'The blue key' }]);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual([]);
  });

  it('wants a name', async () => {
    const { passkey } = await addPasskey(test, person);
    const answer = await callPasskeys(test, person, 'patch', `/${passkey.id}`).send({});
    expect({ status: answer.status, error: answer.body.error }).toEqual({
      status: 400,
      error: 'Missing field: name.',
    });
  });
});

describe('DELETE /api/v1/gatehouse/passkeys/:id', () => {
  it('removes a passkey once, and tells of it', async () => {
    const { passkey } = await addPasskey(test, person);
    const remove = () => outcomeOf(callPasskeys(test, person, 'delete', `/${passkey.id}`).send({ password: PASSWORD }));
    const outcomes = await Promise.all([remove(), remove()]);
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toEqual([{ status: 200, body: {} }, NOT_FOUND]);
    const state = await test.http.get(MFA).auth(person.token, { type: 'bearer' });
    expect(state.body).toEqual({ settings: { enabled: false, totp: false } });
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(['passkey.added', 'passkey.removed']);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added', 'factor_removed']);
  });

  it('finds nobody else’s, and no id that is none', async () => {
    const other = await newPerson(test, client);
    const { passkey } = await addPasskey(test, other);
    for (const id of [passkey.id, '1', '%00']) {
      expect(await outcomeOf(callPasskeys(test, person, 'delete', `/${id}`))).toEqual(NOT_FOUND);
    }
    expect((await callPasskeys(test, other, 'get')).body).toEqual([passkey].map(() => expect.anything()));
    expect(await factorLetterKinds(test, person)).toEqual([]);
  });
});
