import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Route, RouteTable } from '../src/common/route-table.js';
import { startApp, type TestApp } from './support/app.js';
import { asForm, asMultipart, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import {
  ask,
  clientToken,
  countRows,
  createUser,
  oauthQuery,
  obtainTokens,
  registerClient,
  signIn,
  type TestClient,
} from './support/flows.js';

const VALID = { client_name: 'A', redirect_uris: 'https://app.example/cb' };
const VALID_PARTS = Object.entries(VALID).map(([name, value]) => part(name, value));

let test: TestApp;
let client: TestClient;
let cookie: string;
let tokens: Record<'user' | 'app', string>;
let posts: Route[];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
  tokens = {
    user: (await obtainTokens(test, client, 'alice')).access_token,
    app: await clientToken(test, client),
  };
  ({ cookie } = await signIn(test, client, 'alice'));
  posts = test.app
    .get(RouteTable)
    .routes.filter(({ method, facts }) => facts.access && (method === 'POST' || method === 'PATCH'));
});
afterAll(() => test.close());

/** Registers a client, whatever the body is. */
const post = (type: string, body: string | Buffer, path = '/api/v1/apps') =>
  ask(test, 'POST', path, { 'content-type': type }, body);
const bodyOf = ({ text }: { text: string }) => JSON.parse(text);

/** What a route needs to get as far as its parameters. */
function credentialFor({ url, facts: { access } }: Pick<Route, 'url' | 'facts'>): Record<string, string> {
  // These end or begin something for who asks, whatever else is sent.
  if (/logout|revoke|sign-out|backups$/.test(url)) return {};
  if (access?.kind === 'browser') return { cookie };
  if (access?.kind !== 'bearer') return {};
  return { authorization: `Bearer ${access.principal === 'app' ? tokens.app : tokens.user}` };
}

describe('hostile names and characters (security.md R7, R8)', () => {
  const NAMES = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'then',
    'constructor[prototype]',
    '__proto__[admin]',
    '__proto__.admin',
  ];

  it('are names like any other: ignored, and without consequences', async () => {
    for (const name of NAMES) {
      const value = { isAdmin: true, client_name: 'polluted' };
      const json = await post(
        'application/json',
        `{"client_name":"A","redirect_uris":"https://app.example/cb","${name}":${JSON.stringify(value)}}`,
      );
      expect({ name, status: json.status, app: bodyOf(json).name }).toEqual({ name, status: 200, app: 'A' });
      const form = await post(FORM, `${asForm(VALID)}&${encodeURIComponent(name)}=x`);
      expect({ name, status: form.status, app: bodyOf(form).name }).toEqual({ name, status: 200, app: 'A' });
      const search = await post(
        'application/json',
        JSON.stringify(VALID),
        `/api/v1/apps?${encodeURIComponent(name)}=x`,
      );
      expect({ name, status: search.status }).toEqual({ name, status: 200 });
      const parts = await post(MULTIPART, multipart(part(name, 'x'), ...VALID_PARTS));
      expect([200, 400]).toContain(parts.status);
    }
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined();
    expect((await post('application/json', JSON.stringify(VALID))).status).toBe(200);
    expect((await ask(test, 'GET', '/api/v1/instance')).status).toBe(200);
  });

  it.each<[string, string, string]>([
    [
      'U+0000 in JSON',
      'application/json',
      String.raw`{"client_name":"a\u0000b","redirect_uris":"https://app.example"}`,
    ],
    [
      'U+0000 in a name',
      'application/json',
      String.raw`{"client_name":"A","redirect_uris":"https://app.example","a\u0000":1}`,
    ],
    [
      'a lone high surrogate',
      'application/json',
      String.raw`{"client_name":"a\ud800","redirect_uris":"https://app.example"}`,
    ],
    [
      'a lone low surrogate',
      'application/json',
      String.raw`{"client_name":"\udc00a","redirect_uris":"https://app.example"}`,
    ],
    [
      'one inside a list',
      'application/json',
      String.raw`{"client_name":"A","redirect_uris":["https://app.example/\ud800"]}`,
    ],
    [
      'one in a parameter nobody reads',
      'application/json',
      String.raw`{"client_name":"A","redirect_uris":"https://app.example","x":{"y":["\u0000"]}}`,
    ],
    ['U+0000 in a form', FORM, `${asForm(VALID)}&x=%00`],
    ['U+0000 in multipart', MULTIPART, multipart(part('x', 'a\0b'), ...VALID_PARTS).toString()],
  ])('%s is refused', async (_, type, body) => {
    const answer = await post(type, body);
    expect(answer.status).toBe(400);
    expect(bodyOf(answer)).toEqual({ error: 'A parameter has characters that are not allowed' });
  });

  it.each(['x=%00', 'x=%zz', 'x=%ff', 'x=%ED%A0%80', 'x=%C0%80', '%00=x', 'x=1&x=2', 'x=1&%78=2'])(
    'the query %s is refused everywhere',
    async (search) => {
      for (const path of ['/api/v1/instance', '/health/live', '/api/v1/frontend/config']) {
        const answer = await ask(test, 'GET', `${path}?${search}`);
        expect(answer.status).toBe(400);
        expect(Object.keys(bodyOf(answer))).toEqual(['error']);
      }
    },
  );
});

describe('garbage on every route that changes something', () => {
  let before: Record<string, number>;
  beforeEach(async () => {
    before = await countRows(test);
  });

  const VALUES: unknown[] = [
    null,
    true,
    0,
    -1,
    1e308,
    '',
    ' ',
    [],
    {},
    [[]],
    ['a'],
    { a: 1 },
    'x'.repeat(3000),
    '%00',
    "' or 1=1 --",
    '<script>',
    '../../etc/passwd',
    '\u202e',
    '\r\nSet-Cookie: a=b',
    '{{7*7}}',
    '${7*7}',
  ];
  const NAMES = [
    'identifier',
    'password',
    'client_id',
    'client_secret',
    'redirect_uri',
    'redirect_uris',
    'response_type',
    'scope',
    'scopes',
    'state',
    'code',
    'code_challenge',
    'code_challenge_method',
    'code_verifier',
    'decision',
    'grant_type',
    'refresh_token',
    'token',
    'token_type_hint',
    'username',
    'email',
    'agreement',
    'reason',
    'locale',
    'fullname',
    'bio',
    'client_name',
    'website',
    'token_endpoint_auth_method',
    'keep_current',
    'reblogs',
    'notify',
    'languages',
    'notifications',
    'duration',
    'expires_in',
    'display_name',
    'note',
    'locked',
    'pleroma_settings_store',
  ];

  it('is never a fault, has the shape of an error, and leaves nothing behind', async () => {
    const bodies: [string, string | Buffer][] = VALUES.flatMap((value): [string, string | Buffer][] => {
      const all = Object.fromEntries(NAMES.map((name) => [name, value]));
      const text = Object.fromEntries(NAMES.map((name) => [name, String(value)]));
      return [
        ['application/json', JSON.stringify(all)],
        [FORM, asForm(text)],
        [MULTIPART, asMultipart(text)],
        [
          'application/json',
          JSON.stringify({
            ...oauthQuery(client),
            ...all,
            client_id: client.client_id,
            redirect_uri: client.redirect_uri,
          }),
        ],
        [
          'application/json',
          JSON.stringify({
            ...all,
            client_id: client.client_id,
            client_secret: client.client_secret,
            grant_type: 'authorization_code',
          }),
        ],
      ];
    });
    const wrong: string[] = [];
    for (const route of posts) {
      const path = route.url.replaceAll(/:\w+/g, '1');
      for (const [type, body] of bodies) {
        const answer = await ask(test, route.method, path, { ...credentialFor(route), 'content-type': type }, body);
        const isPage = answer.headers['content-type']?.startsWith('text/html') && !path.startsWith('/api');
        const isFine =
          answer.status < 500 && (answer.status < 400 || isPage || typeof bodyOf(answer).error === 'string');
        if (!isFine) wrong.push(`${path} ${type} ${body.toString().slice(0, 80)}: ${answer.status} ${answer.text}`);
      }
    }
    expect(wrong).toEqual([]);
    const { audit_event: _, ...after } = await countRows(test);
    expect(before).toMatchObject(after);
    expect(test.logs.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  }, 60_000);
});
