import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeQuestion } from '../src/registration/captcha-question.js';
import { CaptchasService } from '../src/registration/captchas.service.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { answerTo, fetchCaptcha, numbersIn, read } from './support/captcha.js';
import { createDatabase } from './support/database.js';
import { Wire } from './support/wire.js';

const PATHS = [
  '/api/pleroma/captcha',
  '/api/v1/pleroma/captcha',
  '/api/pleroma/captcha.json',
  '/api/v1/pleroma/captcha.json',
];
const on: Adjust = ({ registrations }) => (registrations.captcha = true);

let test: TestApp;
let off: TestApp;
beforeAll(async () => {
  test = await startApp(on);
  off = await startApp(() => {}, test.database);
});
afterAll(async () => {
  await off.close();
  await test.close();
});

const count = async () => {
  const [row] = await test.dataSource.query('select count(*)::int as captchas from captcha');
  return row.captchas;
};

describe('GET /api/pleroma/captcha where none is asked for (contract.md §5.2)', () => {
  it.each(PATHS)('answers that on %s, and nothing else', async (path) => {
    const before = await count();
    const answer = await off.http.get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({ type: 'none' });
    expect(await count()).toBe(before);
  });
});

describe('GET /api/pleroma/captcha', () => {
  it.each(PATHS)('answers a picture and a question on %s', async (path) => {
    const before = await count();
    const answer = await test.http.get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      type: 'native',
      token: expect.stringMatching(/^[\w-]{43}$/),
      url: expect.stringMatching(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/),
      question: expect.stringMatching(/^[A-Z][A-Za-z, .-]+\?$/),
      answer_data: expect.stringMatching(/^[\w-]{43}$/),
      seconds_valid: 300,
    });
    expect(await count()).toBe(before + 1);
  });

  it('lets scripts of any origin read it', async () => {
    const answer = await test.http.get(PATHS[0]!).set('Origin', 'https://frontend.example');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    const preflight = await test.http
      .options(PATHS[0]!)
      .set({ Origin: 'https://frontend.example', 'Access-Control-Request-Method': 'GET' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
  });

  it.each(PATHS)('refuses HEAD on %s, which would use one up', async (path) => {
    const before = await count();
    for (const app of [test, off]) {
      const answer = await app.http.head(path);
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('GET');
      expect(answer.text).toBeUndefined();
    }
    expect(await count()).toBe(before);
  });

  it.each(['post', 'put', 'delete'] as const)('has no %s', async (method) => {
    const answer = await test.http[method](PATHS[0]!);
    expect(answer.status).toBe(405);
    expect(answer.body).toEqual({ error: 'Method not allowed' });
  });

  it('never gives the same twice', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => fetchCaptcha(test)));
    for (const part of ['token', 'answer_data', 'url'] as const) {
      expect(new Set(all.map((captcha) => captcha[part])).size).toBe(20);
    }
  });

  it('does not tell the answers: not in the response, decoded or not, and not in the database (security.md R87)', async () => {
    const captcha = await fetchCaptcha(test);
    const [characters, number] = [await read(captcha.url), answerTo(captcha.question)];
    const parts = [captcha.token, captcha.answer_data, captcha.url.split(',')[1]!];
    const decoded = parts.flatMap((part) => {
      const bytes = Buffer.from(part, 'base64');
      return ['latin1', 'utf16le'].map((encoding) => bytes.toString(encoding as 'latin1'));
    });
    const { url: _, ...rest } = captcha;
    for (const text of [JSON.stringify(rest), ...decoded]) {
      expect(text.toUpperCase()).not.toContain(characters);
      expect(text.toUpperCase()).not.toContain([...characters].toReversed().join(''));
    }
    expect(captcha.question).not.toMatch(/\d/);
    expect(numbersIn(captcha.question)).not.toContain(number);
    const rows = await test.dataSource.query(
      'select *, octet_length(answers[1]) as one, cardinality(answers) from captcha',
    );
    expect(rows.map((row: object) => Object.keys(row).toSorted())).toContainEqual(
      ['answers', 'cardinality', 'data_hash', 'expires_at', 'hash', 'one', 'used_at'].toSorted(),
    );
    expect(rows).toContainEqual(expect.objectContaining({ used_at: null, one: 32, cardinality: 2 }));
    expect(test.logs.join('\n')).not.toContain(captcha.token);
  });

  it('digests equal answers differently, so that a look at the table helps nobody', async () => {
    await Promise.all(Array.from({ length: 10 }, () => fetchCaptcha(test)));
    const rows = await test.dataSource.query('select unnest(answers) as answer from captcha');
    const digests = rows.map(({ answer }: { answer: Buffer }) => answer.toString('hex'));
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('asks what can be answered by ear', () => {
    for (const { text, answer } of Array.from({ length: 2000 }, makeQuestion)) {
      expect(answerTo(text), text).toBe(answer);
    }
  });

  it('lives five minutes by the database’s clock', async () => {
    await test.dataSource.query('delete from captcha');
    await fetchCaptcha(test);
    const [row] = await test.dataSource.query(
      `select expires_at between now() + interval '290 seconds' and now() + interval '300 seconds' as fits from captcha`,
    );
    expect(row).toEqual({ fits: true });
  });

  it('vanishes within the hour, but not before people could be told that it has expired', async () => {
    await test.dataSource.query('delete from captcha');
    for (const minutes of [-1, 20, 40]) {
      await test.dataSource.query(
        `insert into captcha (hash, data_hash, answers, expires_at) values ($1, '', '{}', now() - make_interval(mins => $2))`,
        [Buffer.from(randomUUID()), minutes],
      );
    }
    await test.app.get(CaptchasService).purge();
    const [{ oldest, left }] = await test.dataSource.query(
      `select count(*)::int as left, max(now() - expires_at) < interval '21 minutes' as oldest from captcha`,
    );
    expect({ left, oldest }).toEqual({ left: 2, oldest: true });
  });
});

describe('the budget of captchas (contract.md §1.1)', () => {
  it('is 30 in five minutes for one address, over all paths', async () => {
    const limited = await startApp((config) => {
      on(config);
      config.limits.enabled = true;
    }, test.database);
    for (let n = 1; n <= 30; n++) {
      const answer = await limited.http.get(PATHS[n % 4]!);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '30', 'x-ratelimit-remaining': String(30 - n) });
      expect(new Date(answer.headers['x-ratelimit-reset']!).getTime()).toBeGreaterThan(Date.now());
    }
    const before = await count();
    const answer = await limited.http.get(PATHS[0]!);
    const head = await limited.http.head(PATHS[0]!);
    await limited.close();
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Throttled' });
    expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '30', 'x-ratelimit-remaining': '0' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(240);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(300);
    expect(head.status).toBe(405);
    expect(await count()).toBe(before);
  });
});

describe('GET /api/pleroma/captcha while the database is away', () => {
  it('answers 503, and a captcha as soon as it is back', async () => {
    const database = await createDatabase();
    const wire = await Wire.to(database.url);
    const app = await startApp(on, { url: wire.url, drop: async () => {} });
    await wire.cut();
    const away = await app.http.get(PATHS[0]!);
    await wire.mend();
    const back = await app.http.get(PATHS[0]!);
    await app.close();
    await wire.cut();
    await database.drop();
    expect(away.status).toBe(503);
    expect(away.body).toEqual({ error: 'Service unavailable' });
    expect(away.headers['retry-after']).toMatch(/^\d+$/);
    expect(back.status).toBe(200);
  });
});
