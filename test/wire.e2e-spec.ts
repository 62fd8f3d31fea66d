import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { ask, countRows } from './support/flows.js';

let test: TestApp;
let server: Server;
const sockets: Socket[] = [];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  server = test.app.getHttpServer();
});
afterAll(() => test.close());
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));

interface Heard {
  /** Everything the server sent. */
  text: string;
  closed: Promise<void>;
  socket: Socket;
}

/** Says something on a connection of its own and listens. */
function say(...pieces: (string | Buffer)[]): Heard {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const heard: Heard = { text: '', closed, socket };
  socket.on('data', (chunk) => (heard.text += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('close', () => resolve());
  for (const piece of pieces) socket.write(piece);
  return heard;
}

/** The answers of a connection that the server closed. */
function answersIn({ text }: Heard): { status: number; headers: Record<string, string>; body: string }[] {
  return text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((answer) => answer.startsWith('HTTP/'))
    .map((answer) => {
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      const [first = '', ...lines] = head.split('\r\n');
      const headers = lines
        .map((line) => line.split(/: (.*)/s))
        .map(([name = '', value = '']) => [name.toLowerCase(), value]);
      return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body };
    });
}

const POST = 'POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const BODY = JSON.stringify({ client_name: 'smuggled', redirect_uris: 'https://app.example' });

describe('HTTP that is broken (security.md R14)', () => {
  let before: Record<string, number>;
  beforeEach(async () => {
    before = await countRows(test);
  });

  it.each([
    ['length and chunks', `${POST}Content-Length: ${BODY.length}\r\nTransfer-Encoding: chunked\r\n\r\n${BODY}`],
    ['chunks and length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${POST}Content-Length: ${BODY.length}\r\nContent-Length: 3\r\n\r\n${BODY}`],
    ['a list of lengths', `${POST}Content-Length: 3, ${BODY.length}\r\n\r\n${BODY}`],
    ['a negative length', `${POST}Content-Length: -1\r\n\r\n${BODY}`],
    ['a length with a sign', `${POST}Content-Length: +${BODY.length}\r\n\r\n${BODY}`],
    ['an unknown transfer encoding', `${POST}Transfer-Encoding: xchunked\r\n\r\n${BODY}`],
    ['chunked not last', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a broken chunk', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n`],
    ['bare line feeds', `${POST.replaceAll('\r\n', '\n')}Content-Length: ${BODY.length}\n\n${BODY}`],
    ['a bare carriage return', `${POST}X: a\rb\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a folded header', `${POST}X: a\r\n b\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`],
    ['a space before the colon', `${POST}Content-Length : ${BODY.length}\r\n\r\n${BODY}`],
    ['a header without a name', `${POST}: x\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`],
    ['U+0000 in a header', `${POST}X: a\0b\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`],
    ['an unknown method', `BREW /api/v1/apps HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['another protocol', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03`],
    ['HTTP/2 without upgrade', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a space in the path', `GET /api/v1/instance x HTTP/1.1\r\nHost: x\r\n\r\n`],
  ])('is answered 400 and closed: %s', async (_, text) => {
    const heard = say(text);
    await heard.closed;
    const [answer, ...more] = answersIn(heard);
    expect(answer?.status).toBe(400);
    expect(answer?.headers).toMatchObject({
      connection: 'close',
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    expect(JSON.parse(answer?.body ?? '')).toEqual({ error: 'Malformed request' });
    expect(more).toEqual([]);
    expect(await countRows(test)).toEqual(before);
  });

  it('without Host is answered 400, in JSON like everything else', async () => {
    const heard = say('GET /api/v1/instance HTTP/1.1\r\nConnection: close\r\n\r\n');
    await heard.closed;
    expect(answersIn(heard)).toMatchObject([
      { status: 400, headers: { 'content-type': 'application/json; charset=utf-8' } },
    ]);
  });

  it('does not let one request hide in another: the rest of the connection is thrown away', async () => {
    const hidden = `GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n`;
    const heard = say(`${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`);
    await heard.closed;
    expect(answersIn(heard).map(({ status }) => status)).toEqual([400]);
  });

  it('TRACE is answered 405 on every path, and never echoes', async () => {
    for (const path of ['/api/v1/instance', '/api/auth/login', '/nope']) {
      const answer = await ask(test, 'TRACE', path, { cookie: 'jwt=canary' });
      expect(answer.status).toBe(405);
      expect(answer.headers).toHaveProperty('allow');
      expect(JSON.parse(answer.text)).toEqual({ error: 'Method not allowed' });
    }
  });
});

describe('sizes (contract.md §0.3)', () => {
  it('headers of more than 16 KiB are answered 431 and closed', async () => {
    const heard = say(`GET /api/v1/instance HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(16_500)}\r\n\r\n`);
    await heard.closed;
    const [answer] = answersIn(heard);
    expect(answer?.status).toBe(431);
    expect(answer?.headers).toMatchObject({
      connection: 'close',
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': expect.any(String),
    });
    expect(JSON.parse(answer?.body ?? '')).toEqual({ error: 'Request headers are too large' });
    expect((await ask(test, 'GET', '/api/v1/instance', { 'x-big': 'x'.repeat(15_000) })).status).toBe(200);
  });

  it('a URL of more than 8 KiB is answered 414', async () => {
    const url = (length: number) => `/api/v1/instance?x=`.padEnd(length, 'x');
    expect((await ask(test, 'GET', url(8192))).status).toBe(200);
    const answer = await ask(test, 'GET', url(8193));
    expect(answer.status).toBe(414);
    expect(JSON.parse(answer.text)).toEqual({ error: 'URL is too long' });
    expect((await ask(test, 'GET', `/${'x'.repeat(9000)}`)).status).toBe(414);
  });

  it('a body that is too large by its length is answered before it comes', async () => {
    const heard = say(`${POST}Content-Length: 100000000\r\n\r\n{`);
    await expect.poll(() => answersIn(heard)[0]?.status, { timeout: 3000, interval: 10 }).toBe(413);
  });
});

describe('time (contract.md §0.3, security.md R10)', () => {
  const lower = { requestTimeout: 300, headersTimeout: 300 };
  const configured = { requestTimeout: 0, headersTimeout: 0 };
  beforeEach(() => {
    Object.assign(configured, { requestTimeout: server.requestTimeout, headersTimeout: server.headersTimeout });
  });
  afterEach(() => Object.assign(server, configured));

  it('is 30 seconds for the headers, and never more than 120 for a whole request', () => {
    expect(configured).toEqual({ requestTimeout: 120_000, headersTimeout: 30_000 });
  });

  it('runs out for whoever is slow, with 408 and a closed connection; others are served meanwhile', async () => {
    Object.assign(server, lower);
    const slow = {
      nothing: say(),
      'half a line': say('POST /api/v1/a'),
      'half a header': say(POST),
      'no body': say(`${POST}Content-Length: 10\r\n\r\n`),
      'half a body': say(`${POST}Content-Length: 10\r\n\r\n{"a"`),
      'half a chunk': say(`${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nab`),
      'half a part': say(
        POST.replace('application/json', 'multipart/form-data; boundary=x'),
        `Content-Length: 500\r\n\r\n--x\r\n`,
      ),
    };
    const dripping = say(`${POST}Content-Length: 100\r\n\r\n`);
    const drip = setInterval(() => dripping.socket.write('{'), 100);
    const many = Array.from({ length: 100 }, () => say(`${POST}Content-Length: 10\r\n\r\n`));
    await pause(50);
    expect((await ask(test, 'GET', '/api/v1/instance')).status).toBe(200);
    const all = [...Object.values(slow), dripping, ...many];
    await Promise.all(all.map(({ closed }) => closed));
    clearInterval(drip);
    const statuses = Object.entries(slow).map(([name, heard]) => [name, answersIn(heard).map(({ status }) => status)]);
    const { nothing: _, ...told } = Object.fromEntries(statuses);
    expect(told).toEqual(Object.fromEntries(Object.keys(told).map((name) => [name, [408]])));
    const [answer] = answersIn(slow['half a body']);
    expect(answer?.headers).toMatchObject({ connection: 'close', 'content-type': 'application/json; charset=utf-8' });
    expect(JSON.parse(answer?.body ?? '')).toEqual({ error: 'Request took too long' });
    expect(answersIn(dripping).map(({ status }) => status)).toEqual([408]);
    expect((await ask(test, 'GET', '/api/v1/instance')).status).toBe(200);
  });

  it('does not run out for a connection that is kept between two requests', async () => {
    Object.assign(server, lower);
    const heard = say('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await pause(800);
    heard.socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await heard.closed;
    expect(answersIn(heard).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('a client that goes away in the middle leaves nothing and breaks nothing', async () => {
    const before = await countRows(test);
    test.logs.length = 0;
    for (const rude of [
      say(`${POST}Content-Length: 500\r\n\r\n{"client_name"`),
      say(
        POST.replace('application/json', 'multipart/form-data; boundary=x'),
        `Content-Length: 500\r\n\r\n--x\r\nContent-Disposition: form-data; name="client_name"\r\n\r\nab`,
      ),
    ]) {
      await pause(30);
      rude.socket.resetAndDestroy();
      await rude.closed;
    }
    await pause(50);
    expect((await ask(test, 'GET', '/health/ready')).status).toBe(200);
    expect(await countRows(test)).toEqual(before);
    expect(test.logs.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });
});
