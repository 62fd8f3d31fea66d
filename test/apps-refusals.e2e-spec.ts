import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetConfig } from '../src/config/config.js';
import { startApp, type TestApp } from './support/app.js';

const MINIMAL = { client_name: 'App', redirect_uris: 'https://app.example/cb' };

const FORBIDDEN_SCHEMES = 'javascript data vbscript blob file filesystem about view-source ws wss ftp mailto jar'.split(
  ' ',
);
const BAD_REDIRECT_URIS = [
  FORBIDDEN_SCHEMES.flatMap((scheme) => [`${scheme}:x`, `${scheme.toUpperCase()}://app.example/cb`]),
  [' https://app.example', '\thttps://app.example', 'https://app.example\n', 'https://app.example/\u0001'],
  ['https://app.example/#', 'app:/cb#fragment', 'https://user@app.example/', 'https://u:p@app.example/'],
  ['app://user@host/cb', 'https://*.example/', 'https://app.example/a b', 'https://app.example\\cb'],
  ['/cb', '//app.example/cb', 'app.example/cb', 'https:', 'https://', 'https:app.example', ''],
  ['http://app.example/cb', 'http://localhost@evil.example', 'http://127.0.0.1:80@evil.example'],
  ['http://127.0.0.1.evil.example/', 'http://localhost.evil.example/', 'https://app.example/'.padEnd(2001, 'a')],
].flat();

describe('POST /api/v1/apps, refused', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp((config) => (config.publicUrl = 'https://id.example.org'));
    await test.listen();
  });
  afterAll(() => test.close());

  const register = (body: Record<string, unknown>) => test.http.post('/api/v1/apps').send({ ...MINIMAL, ...body });
  const count = async (): Promise<number> => {
    const [row] = await test.dataSource.query('select count(*) from application');
    return row.count;
  };
  const invalid = (field: string, error: string, description: string) => ({
    error: `Validation failed: ${(field.charAt(0).toUpperCase() + field.slice(1)).replaceAll('_', ' ')} ${description}`,
    details: { [field]: [{ error, description }] },
  });

  it.each(BAD_REDIRECT_URIS)('refuses the redirect URI %j and stores nothing', async (uri) => {
    const before = await count();
    const answer = await register({ redirect_uris: ['https://app.example/good', uri] });
    expect(answer.status).toBe(422);
    expect(answer.body).toStrictEqual(
      invalid('redirect_uris', 'ERR_INVALID', 'must be absolute URIs that may be redirected to'),
    );
    expect(await count()).toBe(before);
  });

  it('takes at most 20 redirect URIs', async () => {
    const uris = (length: number) => Array.from({ length }, (_, index) => `https://app.example/${index}`);
    expect((await register({ redirect_uris: uris(20) })).status).toBe(200);
    for (const length of [21, 1000]) {
      const answer = await register({ redirect_uris: uris(length) });
      expect(answer.status).toBe(422);
      expect(answer.body.details.redirect_uris[0].error).toBe('ERR_TOO_LONG');
    }
    for (const none of [[], '', ' \n ']) {
      const answer = await register({ redirect_uris: none });
      expect(answer.status).toBe(422);
      expect(answer.body).toStrictEqual(invalid('redirect_uris', 'ERR_BLANK', "can't be blank"));
    }
  });

  it.each([
    ['client_name', 'a'.repeat(201), 'ERR_TOO_LONG', 'is too long (maximum is 200 characters)'],
    ['client_name', 'a'.repeat(10_000), 'ERR_TOO_LONG', 'is too long (maximum is 200 characters)'],
    ['client_name', ' \u202e\n ', 'ERR_BLANK', "can't be blank"],
    ['website', 'javascript:alert(1)', 'ERR_INVALID', 'must be an http or https URL'],
    ['website', 'app.example', 'ERR_INVALID', 'must be an http or https URL'],
    ['website', 'https://app.example/'.padEnd(2001, 'a'), 'ERR_INVALID', 'must be an http or https URL'],
    ['scopes', 'everything', 'ERR_INVALID', 'must name at least one scope that this server knows'],
    ['scopes', '', 'ERR_INVALID', 'must name at least one scope that this server knows'],
    ['scopes', 'READ <script>', 'ERR_INVALID', 'must name at least one scope that this server knows'],
  ])('refuses the %s %.40j', async (field, value, error, description) => {
    const before = await count();
    const answer = await register({ [field]: value });
    expect(answer.status).toBe(422);
    expect(answer.body).toStrictEqual(invalid(field, error, description));
    expect(await count()).toBe(before);
  });

  it('names every bad value at once', async () => {
    const answer = await register({ client_name: '', redirect_uris: 'x', scopes: 'x', website: 'x' });
    expect(answer.status).toBe(422);
    expect(Object.keys(answer.body.details)).toStrictEqual(['client_name', 'redirect_uris', 'scopes', 'website']);
    expect(answer.body.error).toBe(
      "Validation failed: Client name can't be blank, Redirect uris must be absolute URIs that may be redirected to, " +
        'Scopes must name at least one scope that this server knows, Website must be an http or https URL',
    );
  });

  it('names every missing field at once', async () => {
    const answer = await test.http.post('/api/v1/apps').send({});
    expect(answer.status).toBe(400);
    expect(answer.body).toStrictEqual({
      error: 'Missing field: client_name. Missing field: redirect_uris.',
      errors: ['client_name', 'redirect_uris'].map((field) => ({
        title: 'Invalid value',
        source: { pointer: `/${field}` },
        message: `Missing field: ${field}`,
      })),
    });
  });

  it.each([
    ['client_name', 5],
    ['client_name', null],
    ['client_name', ['App']],
    ['redirect_uris', { 0: 'https://app.example' }],
    ['redirect_uris', null],
    ['redirect_uris', ['https://app.example', 7]],
    ['scopes', true],
    ['website', ['https://app.example']],
  ])('refuses %s of another type: %j', async (field, value) => {
    const answer = await register({ [field]: value });
    expect(answer.status).toBe(400);
    expect(answer.body).toStrictEqual({
      error: `${field} - Invalid string.`,
      errors: [{ title: 'Invalid value', source: { pointer: `/${field}` }, message: `${field} - Invalid string` }],
    });
  });

  it('refuses an authentication method it does not offer', async () => {
    const answer = await register({ token_endpoint_auth_method: 'private_key_jwt' });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('token_endpoint_auth_method - Invalid value.');
  });

  it.each([
    ['broken JSON', 'application/json', '{"client_name":', 400, 'Malformed request body'],
    ['plain text', 'text/plain', 'client_name=App', 415, 'Unsupported content type'],
    [
      'a name twice',
      'application/x-www-form-urlencoded',
      'client_name=a&client_name=b',
      400,
      'A parameter is given more than once',
    ],
    [
      'U+0000',
      'application/json',
      '{"client_name":"a\\u0000"}',
      400,
      'A parameter has characters that are not allowed',
    ],
    ['more than 64 KiB', 'application/json', `"${'a'.repeat(65_536)}"`, 413, 'Request body is too large'],
  ])('refuses %s', async (_, type, body, status, error) => {
    const answer = await test.http.post('/api/v1/apps').set('Content-Type', type).send(body);
    expect(answer.status).toBe(status);
    expect(answer.body).toStrictEqual({ error });
  });

  it('answers another method with 405', async () => {
    const answer = await test.http.get('/api/v1/apps');
    expect(answer.status).toBe(405);
    expect(answer.body).toStrictEqual({ error: 'Method not allowed' });
    expect(answer.headers['allow']).toBe('POST');
  });
});

describe('POST /api/v1/apps over its budget', () => {
  it('is throttled by address, on all replicas together, whatever the outcome', async () => {
    const limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.app_registrations = BudgetConfig.of(3, 600);
    });
    const replica = await startApp((config) => Object.assign(config.limits, limited.config.limits), limited.database);
    const left = [];
    for (const { http } of [limited, replica]) {
      const answer = await http.post('/api/v1/apps').send(MINIMAL);
      expect(answer.status).toBe(200);
      expect(answer.headers['x-ratelimit-limit']).toBe('3');
      expect(Date.parse(answer.headers['x-ratelimit-reset'] ?? '')).toBeGreaterThan(Date.now());
      left.push(answer.headers['x-ratelimit-remaining']);
    }
    expect((await limited.http.post('/api/v1/apps').send({})).status).toBe(400);
    expect(left).toStrictEqual(['2', '1']);
    for (const { http } of [limited, replica]) {
      const answer = await http.post('/api/v1/apps/').set('X-Forwarded-For', '192.0.2.1').send(MINIMAL);
      expect(answer.status).toBe(429);
      expect(answer.body).toStrictEqual({ error: 'Throttled' });
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(590);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(600);
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '0' });
    }
    const [row] = await limited.dataSource.query('select count(*) from application');
    expect(row.count).toBe(2);
    await replica.close();
    await limited.close();
  });
});
