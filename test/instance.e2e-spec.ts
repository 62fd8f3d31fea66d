import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { HealthService } from '../src/instance/health.service.js';
import { type Adjust, PUB, startApp, type TestApp } from './support/app.js';
import { createDatabase } from './support/database.js';
import { createUser, obtainTokens, registerClient } from './support/flows.js';

const POLLS = { max_options: 4, min_expiration: 300, max_expiration: 2_629_746 };
const V1_CONFIGURATION = {
  accounts: expect.objectContaining({ max_featured_tags: 0 }),
  statuses: { max_characters: 5000, max_media_attachments: 4, characters_reserved_per_url: 23 },
  media_attachments: { supported_mime_types: [] },
  polls: { ...POLLS, max_characters_per_option: 50 },
};
const pleroma = (mau: number) => ({
  metadata: {
    account_activation_required: false,
    birthday_required: false,
    birthday_min_age: 0,
    features: ['pleroma_api', 'mastodon_api'],
    federation: { enabled: true },
    fields_limits: { max_fields: 4, name_length: 255, value_length: 2047 },
  },
  oauth_consumer_strategies: [],
  stats: { mau },
  vapid_public_key: '',
});
const SSO = { forced: false, providers: [] };

const furnished: Adjust = (config) => {
  config.publicUrl = 'https://id.example:8443';
  Object.assign(config.instance, {
    title: 'The House',
    description: 'Long <b>words</b>',
    short_description: 'Words',
    email: 'staff@id.example',
    languages: ['de', 'en'],
    rules: ['Be kind', 'No spam'],
    thumbnail: 'https://id.example/t.png',
    version_string: '4.3.0 (compatible; Pleroma 2.7.0)',
  });
  Object.assign(config.registrations, { enabled: false, approval: true, message: 'Closed for now' });
  config.frontend.settings = { 'org.example.fe:theme': 'dark', nested: { list: [1, null, { a: 'b' }] }, empty: {} };
};

let bare: TestApp;
let rich: TestApp;
beforeAll(async () => {
  bare = await startApp();
  rich = await startApp(furnished, bare.database);
  await Promise.all([bare.listen(), rich.listen()]);
  await createUser(bare, 'alice');
  await createUser(bare, 'bob');
  await createUser(bare, 'waiting', { approvalPending: true });
  await createUser(bare, 'leaving', { deletionDueAt: new Date() });
  await obtainTokens(bare, await registerClient(bare), 'alice');
});
afterAll(async () => {
  await rich.close();
  await bare.close();
});

describe('GET /api/v1/instance (contract.md §8.1)', () => {
  it('tells the defaults, and how many people there are', async () => {
    const { status, body } = await bare.http.get('/api/v1/instance');
    expect(status).toBe(200);
    expect(body).toEqual({
      uri: 'localhost:3000',
      title: 'Gatehouse',
      short_description: '',
      description: '',
      email: '',
      version: '2.7.2 (compatible; Pleroma 2.5.0)',
      languages: ['en'],
      registrations: true,
      approval_required: false,
      invites_enabled: false,
      max_toot_chars: 5000,
      poll_limits: { ...POLLS, max_option_chars: 50 },
      thumbnail: expect.stringMatching(/^http:\/\/localhost:3000\//),
      urls: { streaming_api: 'ws://localhost:3000' },
      stats: { user_count: 2, status_count: 0, domain_count: 0 },
      contact_account: null,
      rules: [],
      configuration: V1_CONFIGURATION,
      sso: SSO,
      pleroma: pleroma(1),
    });
  });

  it('tells what the operator configured', async () => {
    const { body } = await rich.http.get('/api/v1/instance');
    expect(body).toMatchObject({
      uri: 'id.example:8443',
      title: 'The House',
      short_description: 'Words',
      description: 'Long <b>words</b>',
      email: 'staff@id.example',
      version: '4.3.0 (compatible; Pleroma 2.7.0)',
      languages: ['de', 'en'],
      registrations: false,
      approval_required: true,
      thumbnail: 'https://id.example/t.png',
      urls: { streaming_api: 'wss://id.example:8443' },
      rules: [
        { id: '1', text: 'Be kind' },
        { id: '2', text: 'No spam' },
      ],
    });
  });
});

describe('GET /api/v2/instance (contract.md §8.2)', () => {
  it('tells the defaults', async () => {
    const { status, body } = await bare.http.get('/api/v2/instance');
    expect(status).toBe(200);
    const picture = { url: expect.stringMatching(/^http:\/\/localhost:3000\//) };
    expect(body).toEqual({
      domain: 'localhost:3000',
      title: 'Gatehouse',
      version: '2.7.2 (compatible; Pleroma 2.5.0)',
      source_url: expect.stringMatching(/^https?:\/\//),
      description: '',
      usage: { users: { active_month: 1 } },
      thumbnail: picture,
      banner: picture,
      icon: [],
      languages: ['en'],
      rules: [],
      contact: { email: '', account: null },
      api_versions: expect.any(Object),
      registrations: { enabled: true, approval_required: false, message: null, url: `${PUB}/register` },
      configuration: {
        ...V1_CONFIGURATION,
        accounts: {
          max_featured_tags: 0,
          max_displayname_characters: 100,
          max_username_characters: 30,
          max_note_characters: 5000,
          fields: { max_fields: 4, max_name_characters: 255, max_value_characters: 2047 },
        },
        urls: { streaming: 'ws://localhost:3000' },
        vapid: { public_key: '' },
        translation: { enabled: false },
        emojis: expect.any(Object),
      },
      sso: SSO,
      pleroma: pleroma(1),
    });
  });

  it('tells what the operator configured; the domain with its port', async () => {
    const { body } = await rich.http.get('/api/v2/instance');
    expect(body).toMatchObject({
      domain: 'id.example:8443',
      title: 'The House',
      description: 'Long <b>words</b>',
      thumbnail: { url: 'https://id.example/t.png' },
      languages: ['de', 'en'],
      rules: [
        { id: '1', text: 'Be kind' },
        { id: '2', text: 'No spam' },
      ],
      contact: { email: 'staff@id.example', account: null },
      registrations: {
        enabled: false,
        approval_required: true,
        message: 'Closed for now',
        url: 'https://id.example:8443/register',
      },
    });
  });

  it('goes by the domain that is configured, when one is', async () => {
    const named = await startApp((config) => (config.instance.domain = 'example.org'), bare.database);
    expect((await named.http.get('/api/v2/instance')).body.domain).toBe('example.org');
    expect((await named.http.get('/api/v1/instance')).body.uri).toBe('example.org');
    await named.close();
  });
});

describe('GET /api/v1/frontend/config (contract.md §3.2)', () => {
  it('answers the configured object verbatim, {} by default, and nothing else of the configuration (R98)', async () => {
    const empty = await bare.http.get('/api/v1/frontend/config');
    expect(empty.status).toBe(200);
    expect(empty.headers['cache-control']).toBe('public, max-age=60');
    expect(empty.text).toBe('{}');
    const answer = await rich.http.get('/api/v1/frontend/config').query({ settings: 'secretKey', key: '__proto__' });
    expect(answer.body).toEqual({ 'org.example.fe:theme': 'dark', nested: { list: [1, null, { a: 'b' }] }, empty: {} });
    expect(answer.text).not.toContain(bare.config.secretKey);
  });
});

describe('GET /robots.txt (contract.md §8.6)', () => {
  it('keeps crawlers out of what is no content', async () => {
    const { status, headers, text } = await bare.http.get('/robots.txt');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text.split('\n')).toEqual(['User-agent: *', 'Disallow: /oauth/', 'Disallow: /auth/', 'Disallow: /api/', '']);
  });
});

describe('GET /health (contract.md §8.6)', () => {
  it.each(['/health/live', '/health/ready', '/health'])('%s is ok while everything is', async (path) => {
    const { status, body, headers } = await bare.http.get(path);
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } });
    expect(headers['cache-control']).toBe('no-store');
  });

  const expectUnready = async ({ http }: TestApp, reason: string) => {
    for (const path of ['/health/ready', '/health']) {
      const { status, body } = await http.get(path);
      expect({ status, body }).toEqual({ status: 503, body: { status: 'unavailable', reasons: [reason] } });
    }
    expect((await http.get('/health/live')).status).toBe(200);
  };

  it('is not ready while migrations are open', async () => {
    const [last] = await bare.dataSource
      .query('delete from migrations where id = (select max(id) from migrations) returning *')
      .then(([rows]) => rows);
    await expectUnready(bare, 'migrations');
    await bare.dataSource.query('insert into migrations (id, timestamp, name) values ($1, $2, $3)', [
      last.id,
      last.timestamp,
      last.name,
    ]);
    expect((await bare.http.get('/health/ready')).status).toBe(200);
  });

  it('is not ready once the shutdown began, while requests are still answered (D4)', async () => {
    const stopping = await startApp(() => {}, bare.database);
    await stopping.listen();
    stopping.app.get(HealthService).stop();
    await expectUnready(stopping, 'shutdown');
    expect((await stopping.http.get('/api/v1/instance')).status).toBe(200);
    await stopping.close();
  });

  it.each([
    ['29 seconds', 200],
    ['-29 seconds', 200],
    ['31 seconds', 503],
    ['-31 seconds', 503],
  ])('with a clock %s off the database’s answers %i (D12)', async (skew, status) => {
    // Whoever asks for the clock without naming a schema gets ours.
    const database = await createDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`create schema skewed;
      create function skewed.clock_timestamp() returns timestamptz language sql as
        $$ select pg_catalog.clock_timestamp() + interval '${skew}' $$;
      do $$ begin execute format('alter database %I set search_path = skewed, pg_catalog, public', current_database()); end $$`);
    await client.end();
    const skewed = await startApp(() => {}, database);
    const answer = await skewed.http.get('/health/ready');
    await skewed.close();
    await database.drop();
    expect(answer.status).toBe(status);
    expect(answer.body.reasons).toEqual(status === 503 ? ['clock'] : undefined);
  });
});
