import type { Test } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  createUser,
  INVALID_GRANT,
  obtainCode,
  obtainTokens,
  outcomeOf,
  PASSWORD,
  redemption,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { begin, Roadblock } from './support/roadblock.js';

const NEW_PASSWORD = 'another horse, another battery';

let test: TestApp;
let client: TestClient;
let people = 0;
let name: string;
let id: string;
let mine: Tokens;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
  mine = await obtainTokens(test, client, name);
});

const calling = (request: unknown) => (request as Test).auth(mine.access_token, { type: 'bearer' });
/** What ends everything, and what of it the caller keeps. */
const ENDINGS: [string, () => Test, boolean][] = [
  ['everything is revoked', () => calling(test.http.delete('/api/oauth_tokens')), false],
  [
    'all other sessions are revoked',
    () => calling(test.http.delete('/api/oauth_tokens').query({ keep_current: 'true' })),
    true,
  ],
  [
    'the password is changed',
    () =>
      calling(test.http.post('/api/pleroma/change_password')).send({
        password: PASSWORD,
        new_password: NEW_PASSWORD,
        new_password_confirmation: NEW_PASSWORD,
      }),
    true,
  ],
];

const refresh = ({ refresh_token }: Tokens) =>
  requestToken(test, client, { grant_type: 'refresh_token', refresh_token });

async function expectDead(tokens: Tokens): Promise<void> {
  expect(await statusOf(test, tokens.access_token)).toBe(401);
  expect(await outcomeOf(refresh(tokens))).toStrictEqual(INVALID_GRANT);
}

async function expectKept(isKept: boolean): Promise<void> {
  expect(await statusOf(test, mine.access_token)).toBe(isKept ? 200 : 401);
}

describe.each(ENDINGS)(
  'POST /oauth/token at the moment when %s (contract.md §4.5, security.md R64, R84)',
  (_, end, isKept) => {
    it('redeems a code first: the new session ends as well', async () => {
      const code = await obtainCode(test, client, name);
      await test.dataSource.query('delete from seen_network where user_id = $1', [id]);
      // The redemption waits here, with the code spent and the session not yet there for anybody else.
      const roadblock = await Roadblock.put(
        test,
        `insert into seen_network (user_id, network) values ($1, '127.0.0.0/16')`,
        [id],
      );
      const redeeming = begin(requestToken(test, client, redemption(client, code)));
      await roadblock.queue(1);
      const ending = begin(end());
      await roadblock.queue(2);
      await roadblock.lift();
      expect((await ending).status).toBe(200);
      const redeemed = await redeeming;
      expect(redeemed.status).toBe(200);
      await expectDead(redeemed.body);
      await expectKept(isKept);
    });

    it('redeems no code after it', async () => {
      const code = await obtainCode(test, client, name);
      const bystander = await obtainTokens(test, client, name);
      const roadblock = await Roadblock.put(test, 'select from session where id = $1 for share', [bystander.id]);
      const ending = begin(end());
      await roadblock.queue(1);
      const redeeming = begin(requestToken(test, client, redemption(client, code)));
      await roadblock.queue(2);
      await roadblock.lift();
      expect((await ending).status).toBe(200);
      const { status, body } = await redeeming;
      expect({ status, body }).toStrictEqual(INVALID_GRANT);
      const [{ sessions }] = await test.dataSource.query(
        'select count(*)::int as sessions from session where user_id = $1 and revoked_at is null',
        [id],
      );
      expect(sessions).toBe(isKept ? 1 : 0);
    });

    it('refreshes first: the new pair ends as well', async () => {
      const other = await obtainTokens(test, client, name);
      const roadblock = await Roadblock.put(test, 'select from session where id = $1 for share', [other.id]);
      const refreshing = begin(refresh(other));
      await roadblock.queue(1);
      const ending = begin(end());
      await roadblock.queue(2);
      await roadblock.lift();
      expect((await ending).status).toBe(200);
      const refreshed = await refreshing;
      expect(refreshed.status).toBe(200);
      await expectDead(refreshed.body);
      await expectDead(other);
      await expectKept(isKept);
    });

    it('refreshes after it: the new pair is dead from the start', async () => {
      const other = await obtainTokens(test, client, name);
      // The last thing before the end is committed is the mail.
      const roadblock = await Roadblock.put(test, 'lock table mail_outbox in share mode');
      const ending = begin(end());
      await roadblock.queue(1);
      const refreshing = begin(refresh(other));
      await roadblock.queue(2);
      await roadblock.lift();
      expect((await ending).status).toBe(200);
      const refreshed = await refreshing;
      expect(refreshed.status).toBe(200);
      await expectDead(refreshed.body);
      await expectDead(other);
      await expectKept(isKept);
    });
  },
);
