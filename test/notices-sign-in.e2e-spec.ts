import type { Test } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SessionsPurge } from '../src/sessions/sessions.purge.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, obtainCode, PASSWORD, redemption, registerClient, type TestClient } from './support/flows.js';
import { lettersTo } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let people = 0;
let name: string;
let id: string;
beforeAll(async () => {
  smtp = await startSmtp();
  // One trusted hop, so that a test can be at many addresses.
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.trustProxy = 1;
  });
  await test.listen();
  client = await registerClient(test, { client_name: 'Tusky', scopes: 'read write:accounts' });
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
});

/** Redeems a code at an address. */
const redeem = (code: string, ip: string, app = test): Test => {
  const { client_id, client_secret } = client;
  return app.http
    .post('/oauth/token')
    .set('X-Forwarded-For', ip)
    .set('User-Agent', FIREFOX)
    .send({ client_id, client_secret, ...redemption(client, code) });
};
const newCode = () => obtainCode(test, client, name, { scope: 'read' });
/** Signs in at an address and tells how many mails about new networks there are since the beginning. */
async function lettersAfter(ip: string): Promise<number> {
  const answer = await redeem(await newCode(), ip);
  expect(answer.status).toBe(200);
  return lettersSoFar();
}
const lettersSoFar = async () => {
  const waiting = () => test.dataSource.query(`select from job where kind = 'new_network'`);
  await expect.poll(waiting, { timeout: 5000 }).toEqual([]);
  return (await lettersTo(test, id)).filter((letter) => letter === 'new_sign_in').length;
};

describe('the mail about a sign-in from a new network (contract.md §2.5)', () => {
  it('names app, time, address and device, and says what to do', async () => {
    await redeem(await newCode(), '198.51.100.7');
    await redeem(await newCode(), '203.0.113.9');
    const mail = await smtp.next({ to: `${name}@example.org` });
    expect(mail.subject).toBe('New sign-in to your account at Gatehouse');
    for (const form of [mail.text, mail.html]) {
      expect(form).toContain(name);
      expect(form).toContain('Tusky');
      expect(form).toMatch(/\d{1,2} \w+ \d{4}, \d\d:\d\d UTC/);
      expect(form).toContain('203.0.113.9');
      expect(form).toContain('Firefox on Linux');
    }
    expect(mail.links).toEqual([`${PUB}/oauth/reset`]);
    expect(mail.text).not.toContain('198.51.100.7');
  });

  it.each([
    ['the first network ever', ['192.0.2.1'], 0],
    ['the same address again', ['192.0.2.1', '192.0.2.1'], 0],
    ['another address of the same /16', ['192.0.2.1', '192.0.255.254'], 0],
    ['the next /16', ['192.0.2.1', '192.1.0.1'], 1],
    ['a network that was new before', ['192.0.2.1', '192.1.0.1', '192.1.2.3', '192.0.2.1'], 1],
    ['an address mapped into IPv6', ['192.0.2.1', '::ffff:192.0.9.9'], 0],
    ['another one mapped into IPv6', ['192.0.2.1', '::ffff:c633:6407'], 1],
    ['the same /64', ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::9'], 0],
    ['the next /64', ['2001:db8:1:2::1', '2001:db8:1:3::1'], 1],
    ['IPv6 after IPv4, and back', ['192.0.2.1', '2001:db8::1', '192.0.2.9', '2001:db8::2'], 1],
    ['what only claims to be elsewhere', ['192.0.2.1', '198.51.100.1, 192.0.2.2'], 0],
  ])('counts %s right', async (_, addresses, letters) => {
    let count = 0;
    for (const ip of addresses) count = await lettersAfter(ip);
    expect(count).toBe(letters);
  });

  it('is written once for two at once on two replicas', async () => {
    await lettersAfter('192.0.2.1');
    const replica = await startApp((config) => (config.trustProxy = 1), test.database);
    const codes = [await newCode(), await newCode()];
    const roadblock = await Roadblock.put(
      test,
      `insert into seen_network (user_id, network) values ($1, '198.51.0.0/16')`,
      [id],
    );
    const both = [test, replica].map((app, n) => begin(redeem(codes[n]!, `198.51.100.${n}`, app)));
    await roadblock.queue(2);
    await roadblock.lift();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
    await replica.close();
    expect(await lettersSoFar()).toBe(1);
  });

  it('is not written for a refresh, a failed redemption, or a client’s own token', async () => {
    const first = await redeem(await newCode(), '192.0.2.1');
    const { client_id, client_secret } = client;
    const request = (fields: object) =>
      test.http
        .post('/oauth/token')
        .set('X-Forwarded-For', '203.0.113.1')
        .send({ client_id, client_secret, ...fields });
    const { refresh_token } = first.body;
    expect((await request({ grant_type: 'refresh_token', refresh_token })).status).toBe(200);
    expect((await request({ grant_type: 'client_credentials' })).status).toBe(200);
    expect((await request({ ...redemption(client, await newCode()), redirect_uri: 'https://x.example' })).status).toBe(
      400,
    );
    const [{ count }] = await test.dataSource.query(`select count(*)::int as count from mail_outbox`);
    expect(await lettersSoFar()).toBe(0);
    await redeem(await newCode(), '203.0.113.1');
    expect(await lettersSoFar()).toBe(1);
    expect(await test.dataSource.query('select count(*)::int as count from mail_outbox')).toEqual([
      { count: count + 1 },
    ]);
  });

  it('is not written to an account without an address, which signs in all the same', async () => {
    await test.dataSource.query('update "user" set email = null where id = $1', [id]);
    await lettersAfter('192.0.2.1');
    expect(await lettersAfter('203.0.113.1')).toBe(0);
  });

  it('knows the network of a registration', async () => {
    const { client_id, client_secret } = client;
    const app = await test.http
      .post('/oauth/token')
      .send({ grant_type: 'client_credentials', client_id, client_secret, scope: 'write:accounts' });
    name = `registered${people}`;
    const registered = await test.http
      .post('/api/v1/accounts')
      .set('X-Forwarded-For', '192.0.2.1')
      .auth(app.body.access_token, { type: 'bearer' })
      .send({ username: name, email: `${name}@example.org`, password: PASSWORD, agreement: true });
    expect(registered.status).toBe(200);
    [{ id }] = await test.dataSource
      .query('update "user" set confirmation_pending = false where username = $1 returning id', [name])
      .then(([rows]) => rows);
    expect(await lettersAfter('192.0.2.2')).toBe(0);
    expect(await lettersAfter('203.0.113.1')).toBe(1);
  });

  it('forgets networks after a year without a sign-in, but never the last one', async () => {
    const purge = () => test.app.get(SessionsPurge).purge();
    const age = (interval: string) =>
      test.dataSource.query(`update seen_network set seen_at = seen_at - $1::interval where user_id = $2`, [
        interval,
        id,
      ]);
    const networks = async () => {
      const rows = await test.dataSource.query('select network from seen_network where user_id = $1 order by 1', [id]);
      return rows.map(({ network }: { network: string }) => network);
    };
    await lettersAfter('192.0.2.1');
    await age('300 days');
    await lettersAfter('203.0.113.1');
    await age('60 days');
    await lettersAfter('192.0.2.1');
    await age('30 days');
    await purge();
    expect(await networks()).toEqual(['192.0.0.0/16', '203.0.0.0/16']);
    await age('300 days');
    await purge();
    expect(await networks()).toEqual(['192.0.0.0/16']);
    await age('400 days');
    await purge();
    expect(await networks()).toEqual(['192.0.0.0/16']);
    expect(await lettersAfter('198.51.100.1')).toBe(2);
  });

  it('follows when the mail server is away: the sign-in does not wait for it (security.md D17)', async () => {
    await lettersAfter('192.0.2.1');
    await smtp.stop();
    expect(await lettersAfter('203.0.113.1')).toBe(1);
    await smtp.start();
    const mail = await smtp.next({ to: `${name}@example.org`, subject: /New sign-in/ });
    expect(mail.text).toContain('203.0.113.1');
  });
});
