import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  approve,
  createUser,
  INVALID_GRANT,
  outcomeOf,
  journalOf,
  obtainCode,
  obtainTokens,
  redemption,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';

describe('An authorization code is redeemed once', () => {
  let test: TestApp;
  let client: TestClient;
  let other: TestClient;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    client = await registerClient(test);
    other = await registerClient(test);
    await createUser(test, 'alice');
  });
  afterAll(() => test.close());

  const redeem = (code: string, more: Record<string, unknown> = {}, by = client) =>
    requestToken(test, by, { ...redemption(client, code), ...more });
  const ofNewest = (change: string) =>
    test.dataSource.query(
      `update authorization_code set ${change} where created_at = (select max(created_at) from authorization_code)`,
    );

  it('neither spends nor counts attempts on a code that was not approved', async () => {
    const signedIn = await signIn(test, client, 'alice');
    for (let attempt = 1; attempt <= 6; attempt++)
      expect(await outcomeOf(redeem(signedIn.code))).toStrictEqual(INVALID_GRANT);
    const code = await approve(test, client, signedIn);
    expect((await redeem(code)).status).toBe(200);
  });

  it('refuses a denied code', async () => {
    const { code, cookie } = await signIn(test, client, 'alice');
    const { client_id, redirect_uri } = client;
    const denial = { client_id, redirect_uri, code, decision: 'deny' };
    expect((await test.http.post('/api/auth/redirect').set('Cookie', cookie).type('form').send(denial)).status).toBe(
      302,
    );
    expect(await outcomeOf(redeem(code))).toStrictEqual(INVALID_GRANT);
  });

  it('refuses a code 60 seconds after its approval', async () => {
    const code = await obtainCode(test, client, 'alice');
    const [row] = await test.dataSource.query(
      `select extract(epoch from expires_at - approved_at)::int as lifetime from authorization_code
       where created_at = (select max(created_at) from authorization_code)`,
    );
    expect(row.lifetime).toBe(60);
    await ofNewest(`expires_at = expires_at - interval '60 seconds'`);
    expect(await outcomeOf(redeem(code))).toStrictEqual(INVALID_GRANT);
  });

  it('leaves a code alone that another client shows, however often', async () => {
    const code = await obtainCode(test, client, 'alice');
    for (let attempt = 1; attempt <= 6; attempt++)
      expect(await outcomeOf(redeem(code, {}, other))).toStrictEqual(INVALID_GRANT);
    const answer = await redeem(code);
    expect(answer.status).toBe(200);
    expect(await outcomeOf(redeem(code, {}, other))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, answer.body.access_token)).toBe(200);
  });

  it('kills a code with the fifth failure of its own client', async () => {
    const codes = [await obtainCode(test, client, 'alice'), await obtainCode(test, client, 'alice')] as const;
    for (const [index, failures] of [4, 5].entries()) {
      for (let n = 1; n <= failures; n++)
        expect(await outcomeOf(redeem(codes[index] ?? '', { redirect_uri: 'https://x.example' }))).toStrictEqual(
          INVALID_GRANT,
        );
    }
    expect((await redeem(codes[0])).status).toBe(200);
    expect(await outcomeOf(redeem(codes[1]))).toStrictEqual(INVALID_GRANT);
  });

  it('ends everything the code was redeemed for when it comes back', async () => {
    const bystander = await obtainTokens(test, client, 'alice');
    const code = await obtainCode(test, client, 'alice');
    const first = (await redeem(code)).body;
    const second = (
      await requestToken(test, client, { grant_type: 'refresh_token', refresh_token: first.refresh_token })
    ).body;
    expect(await outcomeOf(redeem(code, { redirect_uri: 'https://x.example' }))).toStrictEqual(INVALID_GRANT);
    for (const token of [first.access_token, second.access_token]) expect(await statusOf(test, token)).toBe(401);
    for (const { refresh_token } of [first, second])
      expect(await outcomeOf(requestToken(test, client, { grant_type: 'refresh_token', refresh_token }))).toStrictEqual(
        INVALID_GRANT,
      );
    expect((await journalOf(test, client)).at(-1)).toBe('code.reused');
    expect(await statusOf(test, bystander.access_token)).toBe(200);
  });

  it('redeems a code once when it is shown several times at once, on two replicas, and then ends that session', async () => {
    const replica = await startApp(() => {}, test.database);
    await replica.listen();
    const code = await obtainCode(test, client, 'alice');
    const answers = await Promise.all(
      [test, replica, test, replica, test, replica].map((app) => requestToken(app, client, redemption(client, code))),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toStrictEqual([200, 400, 400, 400, 400, 400]);
    const winner = answers.find(({ status }) => status === 200)?.body;
    for (const { status, body } of answers) expect(status === 200 || body.error === 'invalid_grant').toBe(true);
    // The others came second, so the code counts as reused.
    for (const app of [test, replica]) expect(await statusOf(app, winner.access_token)).toBe(401);
    await replica.close();
  });

  it('takes a code that is born live, for five minutes, once', async () => {
    const live = await startApp((config) => (config.oauth.live_consent_code = true), test.database);
    await live.listen();
    const { code } = await signIn(live, client, 'alice');
    const late = await signIn(live, client, 'alice');
    const [row] = await test.dataSource.query(
      `update authorization_code set expires_at = expires_at - interval '5 minutes' where created_at =
       (select max(created_at) from authorization_code) returning extract(epoch from expires_at - created_at)::int as left`,
    );
    expect(row[0].left).toBe(0);
    const answer = await redeem(code);
    expect(answer.status).toBe(200);
    expect(await outcomeOf(redeem(code))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, answer.body.access_token)).toBe(401);
    expect(await outcomeOf(redeem(late.code))).toStrictEqual(INVALID_GRANT);
    await live.close();
  });
});
