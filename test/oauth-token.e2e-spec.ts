import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, registerClient } from './support/flows.js';

describe('POST /oauth/token', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
  });
  afterAll(() => test.close());

  it('exchanges an approved code for a working token', async () => {
    const client = await registerClient(test);
    await createUser(test, 'alice');
    const tokens = await obtainTokens(test, client, 'alice');
    const answer = await test.http
      .get('/api/v1/accounts/verify_credentials')
      .auth(tokens.access_token, { type: 'bearer' });
    expect(answer.status).toBe(200);
    expect(answer.body.acct).toBe('alice');
  });
});
