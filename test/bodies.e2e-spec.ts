import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Route, RouteTable } from '../src/common/route-table.js';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import { ask, clientToken, createUser, obtainTokens, registerClient } from './support/flows.js';

const MALFORMED = { error: 'Malformed request body' };
const UNSUPPORTED = { error: 'Unsupported content type' };
const VALID = { client_name: 'A', redirect_uris: 'https://app.example/cb' };
const VALID_PARTS = Object.entries(VALID).map(([name, value]) => part(name, value));

let test: TestApp;
let tokens: Record<'user' | 'app', string>;
let routes: Route[];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  const client = await registerClient(test);
  await createUser(test, 'alice');
  tokens = {
    user: (await obtainTokens(test, client, 'alice')).access_token,
    app: await clientToken(test, client),
  };
  routes = test.app
    .get(RouteTable)
    .routes.filter(({ method, facts }) => facts.access && ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method));
});
afterAll(() => test.close());

/** Registers a client, whatever the body is. */
const post = (type: string | null, body: string | Buffer) =>
  ask(test, 'POST', '/api/v1/apps', type === null ? {} : { 'content-type': type }, body);
const bodyOf = ({ text }: { text: string }) => JSON.parse(text);
const pathOf = ({ url }: Route) => url.replaceAll(/:\w+/g, '1');

describe('a content type (contract.md §0.3, security.md R5)', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/json ; charset=utf8',
  ])('is JSON as %s', async (type) => expect((await post(type, JSON.stringify(VALID))).status).toBe(200));

  it.each([FORM, `${FORM}; charset=UTF-8`, FORM.toUpperCase()])('is a form as %s', async (type) => {
    expect((await post(type, asForm(VALID))).status).toBe(200);
  });

  it.each([MULTIPART, 'multipart/form-data; boundary="x"', 'Multipart/Form-Data; charset=utf-8; boundary=x'])(
    'is multipart as %s',
    async (type) => {
      expect((await post(type, multipart(...VALID_PARTS))).status).toBe(200);
    },
  );

  it.each([
    'application/json\ta',
    'application/json garbage',
    'Application/JSON ;x',
    'application/json;charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/jsonx',
    'application/json, text/plain',
    'application/ld+json',
    'text/plain',
    'text/json',
    'application/octet-stream',
    'application/xml',
    'application',
    'application/',
    '/',
    '*/*',
    'json',
    '',
    `${FORM};charset=iso-8859-1`,
    'multipart/mixed; boundary=x',
    'multipart/form-data; boundary=x; charset=utf-16',
  ])('is refused as %j with a body, and means no fields without one', async (type) => {
    for (const body of [JSON.stringify(VALID), asForm(VALID), multipart(...VALID_PARTS)]) {
      const answer = await post(type, body);
      expect(answer.status).toBe(415);
      expect(bodyOf(answer)).toEqual(UNSUPPORTED);
    }
    const empty = await post(type, '');
    expect(empty.status).toBe(400);
    expect(bodyOf(empty).error).toBe('Missing field: client_name. Missing field: redirect_uris.');
  });

  it('is needed with a body, and not without one', async () => {
    expect((await post(null, JSON.stringify(VALID))).status).toBe(415);
    expect(bodyOf(await post(null, '')).error).toMatch(/^Missing field/);
    for (const type of ['application/json', FORM, MULTIPART, 'multipart/form-data']) {
      expect(bodyOf(await post(type, '')).error).toMatch(/^Missing field/);
    }
  });

  it('does not let text pass as credentials on any route', async () => {
    const type = { 'content-type': 'text/plain' };
    for (const route of routes) {
      const { status } = await ask(test, route.method, pathOf(route), type, '{"identifier":"alice"}');
      expect({ url: route.url, status }).toEqual({ url: route.url, status: 415 });
    }
  });
});

describe('a body (contract.md §0.3)', () => {
  const nested = (depth: number) =>
    `{"client_name":"A","redirect_uris":"https://app.example/cb","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

  it.each<[string, string, string | Buffer]>([
    ['broken JSON', 'application/json', '{"client_name":'],
    ['JSON with a comma too many', 'application/json', '{"a":1,}'],
    ['JSON with single quotes', 'application/json', "{'a':1}"],
    ['two JSON texts', 'application/json', '{}{}'],
    ['a byte order mark', 'application/json', '\ufeff{}'],
    ['U+0000 alone', 'application/json', '\0'],
    ['white space only', 'application/json', '  '],
    ['a list', 'application/json', '[{"client_name":"A"}]'],
    ['a string', 'application/json', '"a"'],
    ['a number', 'application/json', '1'],
    ['null', 'application/json', 'null'],
    ['JSON 17 deep', 'application/json', nested(17)],
    ['JSON thousands deep', 'application/json', nested(16_000)],
    ['brackets without end', 'application/json', '['.repeat(60_000)],
    ['invalid UTF-8 in JSON', 'application/json', Buffer.from('{"client_name":"\xff"}', 'latin1')],
    ['overlong UTF-8 in JSON', 'application/json', Buffer.from('{"client_name":"\xc0\xaf"}', 'latin1')],
    ['broken escapes in a form', FORM, 'client_name=%zz'],
    ['invalid UTF-8 in a form', FORM, 'client_name=%ff'],
    ['a surrogate in a form', FORM, 'client_name=%ED%A0%80'],
    ['raw invalid UTF-8 in a form', FORM, Buffer.from('client_name=\xff', 'latin1')],
    ['multipart without boundary', 'multipart/form-data', multipart(...VALID_PARTS)],
    ['multipart with another boundary', 'multipart/form-data; boundary=y', multipart(...VALID_PARTS)],
    ['multipart without end', MULTIPART, Buffer.concat(VALID_PARTS)],
    ['multipart cut off in a header', MULTIPART, '--x\r\nContent-Dis'],
    ['no multipart at all', MULTIPART, 'client_name=A'],
    [
      'invalid UTF-8 in multipart',
      MULTIPART,
      multipart(part('client_name', Buffer.from([0x41, 0xff])), part('redirect_uris', 'https://app.example')),
    ],
    [
      'a part without a name',
      MULTIPART,
      multipart(Buffer.from('--x\r\nContent-Disposition: form-data\r\n\r\na\r\n'), ...VALID_PARTS),
    ],
  ])('is refused when it is %s', async (_, type, body) => {
    const answer = await post(type, body);
    expect(answer.status).toBe(400);
    expect(bodyOf(answer)).toEqual(MALFORMED);
  });

  it('may be 16 deep, and may have brackets in strings', async () => {
    expect((await post('application/json', nested(16))).status).toBe(200);
    expect((await post('application/json', JSON.stringify({ ...VALID, x: `${'['.repeat(100)}\\"{` }))).status).toBe(
      200,
    );
  });

  it('may hold U+FFFD, which is a character like any other', async () => {
    const name = 'a\ufffdb';
    for (const answer of [
      await post('application/json', JSON.stringify({ ...VALID, client_name: name })),
      await post(FORM, asForm({ ...VALID, client_name: name })),
      await post(MULTIPART, multipart(part('client_name', name), VALID_PARTS[1]!)),
    ]) {
      expect(bodyOf(answer)).toMatchObject({ name });
    }
  });

  it('may be 64 KiB, and no byte more', async () => {
    const padded = (length: number) =>
      JSON.stringify({ ...VALID, x: '' }).replace(
        '""',
        `"${'x'.repeat(length - JSON.stringify({ ...VALID, x: '' }).length)}"`,
      );
    expect((await post('application/json', padded(65_536))).status).toBe(200);
    const answer = await post('application/json', padded(65_537));
    expect(answer.status).toBe(413);
    expect(bodyOf(answer)).toEqual({ error: 'Request body is too large' });
  });

  it.each<[string, Record<string, string>, string | Buffer]>([
    ['2 MiB of JSON', { 'content-type': 'application/json' }, `{"client_name":"${'x'.repeat(2 ** 21)}"}`],
    ['500,000 nested lists', { 'content-type': 'application/json' }, '['.repeat(500_000)],
    ['2 MiB of a form', { 'content-type': FORM }, `client_name=${'x'.repeat(2 ** 21)}`],
    ['2 MiB of one part', { 'content-type': MULTIPART }, multipart(part('client_name', 'x'.repeat(2 ** 21)))],
    [
      '2 MiB of a file',
      { 'content-type': MULTIPART },
      multipart(part('client_name', 'x'.repeat(2 ** 21), '; filename="a"')),
    ],
    [
      '100 KiB in 10 parts',
      { 'content-type': MULTIPART },
      multipart(...Array.from({ length: 10 }, (_, n) => part(`f${n}`, 'x'.repeat(10_240)))),
    ],
    [
      '100 KiB before the first part',
      { 'content-type': MULTIPART },
      Buffer.concat([Buffer.alloc(102_400, 'x'), Buffer.from('\r\n'), multipart(...VALID_PARTS)]),
    ],
    [
      '100 KiB of a part without a name',
      { 'content-type': MULTIPART },
      multipart(Buffer.from(`--x\r\nX: y\r\n\r\n${'x'.repeat(102_400)}\r\n`), ...VALID_PARTS),
    ],
    ['33 parts', { 'content-type': MULTIPART }, multipart(...Array.from({ length: 33 }, (_, n) => part(`f${n}`, 'x')))],
    [
      'two files',
      { 'content-type': MULTIPART },
      multipart(part('a', 'x', '; filename="a"'), part('b', 'x', '; filename="b"')),
    ],
    [
      'chunks of 2 MiB',
      { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      `{"client_name":"${'x'.repeat(2 ** 21)}"}`,
    ],
  ])('is too large with %s', async (_, headers, body) => {
    const answer = await ask(test, 'POST', '/api/v1/apps', headers, body);
    expect(answer.status).toBe(413);
    expect(bodyOf(answer)).toEqual({ error: 'Request body is too large' });
  });

  it('may have 32 parts, and one file where a text is due is no text', async () => {
    expect(
      (await post(MULTIPART, multipart(...VALID_PARTS, ...Array.from({ length: 30 }, (_, n) => part(`f${n}`, 'x')))))
        .status,
    ).toBe(200);
    const file = await post(
      MULTIPART,
      multipart(part('client_name', 'A', '; filename="../../x\0.csv"'), VALID_PARTS[1]!),
    );
    expect(file.status).toBe(400);
    expect(bodyOf(file).error).toBe('client_name - Invalid string.');
  });

  it('of 2 MiB is refused by every route that takes one, but for those that take lists', async () => {
    for (const route of routes.filter(({ facts }) => !facts.upload)) {
      const { access } = route.facts;
      const token = access?.kind === 'bearer' && access.principal === 'app' ? tokens.app : tokens.user;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const { status } = await ask(test, route.method, pathOf(route), headers, 'x'.repeat(2 ** 21));
      expect({ url: route.url, status }).toEqual({ url: route.url, status: 413 });
    }
  });
});
