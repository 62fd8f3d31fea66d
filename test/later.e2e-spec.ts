import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, outcomeOf, registerClient } from './support/flows.js';

describe.each(['/api/pleroma', '/api/v1/pleroma'])(
  'what is not offered yet, under %s (contract.md §5.11)',
  (prefix) => {
    let test: TestApp;
    let token: string;

    beforeAll(async () => {
      test = await startApp();
      await createUser(test, 'alice');
      token = (await obtainTokens(test, await registerClient(test), 'alice', 'read:accounts')).access_token;
    });

    afterAll(() => test.close());

    it('lists no aliases to a person', async () => {
      const request = test.http.get(`${prefix}/aliases`).auth(token, { type: 'bearer' });
      expect(await outcomeOf(request)).toEqual({ status: 200, body: { aliases: [] } });
      expect((await test.http.get(`${prefix}/aliases`)).status).toBe(401);
    });

    it.each([
      ['put', 'aliases'],
      ['delete', 'aliases'],
      ['post', 'move_account'],
    ] as const)('says of %s %s that it is not implemented', async (method, path) => {
      const request = test.http[method](`${prefix}/${path}`)
        .auth(token, { type: 'bearer' })
        .send({ alias: 'a@b.example' });
      expect(await outcomeOf(request)).toEqual({ status: 404, body: { error: 'Not implemented' } });
    });
  },
);
