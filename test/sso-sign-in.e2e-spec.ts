import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { cookiesOf, countRows, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { deliver, provider, startVisit } from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let query: Record<string, string>;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url, { auto_register: true })];
  });
  client = await registerClient(test);
  query = { ...oauthQuery(client, { state: 'a state' }), issuer: 'evil' };
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
afterEach(() => {
  evil.claims = { sub: 'alice' };
});

describe('a sign-in at a provider (contract.md §3.6, §3.7)', () => {
  it('makes an account for an unknown identity whose wanted name is free, and knows it again', async () => {
    evil.claims = { sub: 'sub-1', preferred_username: 'Newcomer', email: 'new@example.org', email_verified: true };
    for (const turn of ['first', 'second']) {
      const visit = await startVisit(test, query);
      const callback = await evilCallback(visit.location);
      const answer = await deliver(test, callback, visit.cookie);
      expect(redirectOf(answer).to, turn + answer.headers['location']).toBe(`${PUB}/oauth/consent`);
      const [jwt] = cookiesOf(answer).filter((line) => line.startsWith('jwt='));
      expect(jwt).toBeDefined();
    }
    expect(await countRows(test)).toMatchObject({ user: 1, linked_identity: 1, sso_flow: 2, sso_session: 2 });
  });
});
