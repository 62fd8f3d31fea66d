import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, registerClient } from './support/flows.js';
import { call } from './support/routes.js';

/** How many events the instance has, and the one after which half of them come. */
const MANY = 60_000;

let test: TestApp;
let people = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
});
afterAll(() => test.close());

describe('GET /api/v1/security_events of a big instance', () => {
  it.each([
    ['one in ten is of the person', `n % 10 = 0`],
    ['the oldest ones are of the person', `n < 500`],
    ['nearly all are of the person', `n % 10 > 0`],
  ])('is read by the index of a person’s events where %s', async (_, isOwn) => {
    const client = await registerClient(test);
    const name = `person${++people}`;
    const id = await createUser(test, name);
    const { access_token } = await obtainTokens(test, client, name);
    await test.dataSource.query('truncate audit_event');
    await test.dataSource.query(
      `insert into audit_event (type, user_id, application_id)
       select 'login.failed', case when ${isOwn} then $1::uuid when n % 3 = 0 then null else gen_random_uuid() end, $2
       from generate_series(1, ${MANY}) n`,
      [id, client.id],
    );
    await test.dataSource.query('analyze audit_event');
    const [{ middle }] = await test.dataSource.query(`select min(id) + ${MANY / 2} as middle from audit_event`);
    const spy = vi.spyOn(pg.Client.prototype, 'query');
    for (const query of ['', `?max_id=${middle}`, '?limit=100']) {
      const route = { method: 'GET', url: `/api/v1/security_events${query}` };
      expect((await call(test, route, access_token)).body.length).toBeGreaterThanOrEqual(40);
    }
    const sent = (spy.mock.calls as unknown[][]).filter(([text]) => String(text).includes('from audit_event'));
    spy.mockRestore();
    expect(sent).toHaveLength(3);
    for (const [text, values] of sent as [string, unknown[]][]) {
      const plan: { 'QUERY PLAN': string }[] = await test.dataSource.query(
        `explain (analyze, buffers off) ${text}`,
        values,
      );
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(lines).toMatch(/Index Scan Backward using audit_event_of_user on audit_event/);
      expect(lines).not.toMatch(/Seq Scan on audit_event|Sort|Rows Removed/);
    }
  });
});
