import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limitArrival } from '../src/common/arrival.js';
import { startApp } from './support/app.js';
import { until } from './support/event-stream.js';

const LIMITS = { bodyMs: 300, lookMs: 100, bytesPerLook: 50 };
const LATE =
  /^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application\/json; charset=utf-8\r\n[^]*\r\n\r\n{"error":"Request took too long"}$/;

let fastify: FastifyInstance;
const sockets: Socket[] = [];
beforeEach(async () => {
  // Time passes when a test says so.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  fastify = Fastify();
  limitArrival(fastify, LIMITS);
  fastify.post('/text', (request) => request.body);
  fastify.post('/file', { config: { upload: true } }, (request) => request.body);
  fastify.get('/nothing', () => 'nothing');
  await fastify.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await fastify.close();
  vi.useRealTimers();
});

/** A request whose body comes bit by bit. */
class Slow {
  text = '';
  isClosed = false;
  private arrived = 0;

  private constructor(
    readonly socket: Socket,
    private request: IncomingMessage,
  ) {
    this.arrived = request.socket.bytesRead;
    socket.on('data', (chunk) => (this.text += chunk.toString()));
    socket.on('close', () => (this.isClosed = true));
  }

  static async begin(path: string, headers: string, socket = connect((fastify.server.address() as AddressInfo).port)) {
    if (!sockets.includes(socket)) sockets.push(socket.on('error', () => {}));
    const begun = once(fastify.server, 'request');
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n${headers}\r\n\r\n`);
    const [request] = (await begun) as [IncomingMessage];
    return new Slow(socket, request);
  }

  /** Sends some more, and waits until it is there. */
  async send(bytes: number | string): Promise<void> {
    const text = typeof bytes === 'string' ? bytes : 'x'.repeat(bytes);
    this.socket.write(text);
    this.arrived += text.length;
    await until(() => this.request.socket.bytesRead === this.arrived);
  }

  /** The answer, when the connection is closed behind it. */
  async end(): Promise<string> {
    await until(() => this.isClosed);
    return this.text;
  }

  get isCut(): boolean {
    return !this.request.socket.writable;
  }
}

describe('a body of any other route', () => {
  it.each(['Content-Length: 1000', 'Transfer-Encoding: chunked'])(
    'is cut off when its time is over (%s)',
    async (head) => {
      const slow = await Slow.begin('/text', head);
      vi.advanceTimersByTime(LIMITS.bodyMs - 1);
      expect(slow.isCut).toBe(false);
      vi.advanceTimersByTime(1);
      expect(slow.isCut).toBe(true);
      expect(await slow.end()).toMatch(LATE);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('is cut off however fast it comes', async () => {
    const slow = await Slow.begin('/text', 'Content-Length: 100000');
    for (let look = 1; look <= 3; look++) {
      await slow.send(1000);
      expect(slow.isCut).toBe(false);
      vi.advanceTimersByTime(LIMITS.bodyMs / 3);
    }
    expect(await slow.end()).toMatch(LATE);
  });

  it('is cut off where no route is, too', async () => {
    const slow = await Slow.begin('/nowhere', 'Transfer-Encoding: chunked');
    vi.advanceTimersByTime(LIMITS.bodyMs);
    expect(slow.isCut).toBe(true);
  });

  it('is left alone once it is there', async () => {
    const slow = await Slow.begin('/text', 'Content-Length: 10');
    vi.advanceTimersByTime(LIMITS.bodyMs - 1);
    await slow.send('0123456789');
    await expect.poll(() => slow.text, { interval: 1 }).toMatch(/^HTTP\/1\.1 200 OK[^]*0123456789$/);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(LIMITS.bodyMs * 10);
    expect(slow.isCut).toBe(false);
  });
});

describe('a file', () => {
  it('may take longer while enough of it comes', async () => {
    const slow = await Slow.begin('/file', 'Content-Length: 1000');
    for (let look = 1; look < 20; look++) {
      await slow.send(LIMITS.bytesPerLook);
      vi.advanceTimersByTime(LIMITS.lookMs);
      expect(slow.isCut).toBe(false);
    }
    await slow.send(50);
    await expect.poll(() => slow.text, { interval: 1 }).toMatch(/^HTTP\/1\.1 200 OK[^]*\r\n\r\nx{1000}$/);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['Content-Length: 1000', 'Transfer-Encoding: chunked'])(
    'is cut off when nothing comes (%s)',
    async (head) => {
      const slow = await Slow.begin('/file', head);
      vi.advanceTimersByTime(LIMITS.lookMs - 1);
      expect(slow.isCut).toBe(false);
      vi.advanceTimersByTime(1);
      expect(await slow.end()).toMatch(LATE);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('is cut off when a byte too little comes between two looks, however much came before', async () => {
    const slow = await Slow.begin('/file', 'Content-Length: 100000');
    await slow.send(10_000);
    vi.advanceTimersByTime(LIMITS.lookMs);
    expect(slow.isCut).toBe(false);
    await slow.send(LIMITS.bytesPerLook - 1);
    vi.advanceTimersByTime(LIMITS.lookMs);
    expect(await slow.end()).toMatch(LATE);
  });

  it('is not credited with what came before it on the same connection', async () => {
    const first = await Slow.begin('/file', 'Content-Length: 5000');
    await first.send(5000);
    await expect.poll(() => first.text, { interval: 1 }).toMatch(/x{5000}$/);
    const second = await Slow.begin('/file', 'Content-Length: 5000', first.socket);
    vi.advanceTimersByTime(LIMITS.lookMs);
    expect(second.isCut).toBe(true);
  });
});

describe('nobody is watched', () => {
  it('who sends no body, or only says that it has none', async () => {
    await Slow.begin('/text', 'Content-Length: 0');
    await Slow.begin('/text', 'X-Nothing: at all');
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['/text', '/file'])('who has hung up (%s)', async (path) => {
    const slow = await Slow.begin(path, 'Content-Length: 1000');
    expect(vi.getTimerCount()).toBe(1);
    slow.socket.resetAndDestroy();
    await expect.poll(() => vi.getTimerCount(), { interval: 1 }).toBe(0);
  });
});

describe('whoever is cut off', () => {
  it('does not keep the connection by never hanging up', async () => {
    const { port } = fastify.server.address() as AddressInfo;
    const slow = await Slow.begin('/text', 'Content-Length: 1000', connect({ port, allowHalfOpen: true }));
    vi.advanceTimersByTime(LIMITS.bodyMs);
    await expect.poll(() => slow.text).toMatch(LATE);
    const open = () => new Promise((resolve) => fastify.server.getConnections((_, count) => resolve(count)));
    await expect.poll(open, { timeout: 3000 }).toBe(0);
  });
});

describe('a Gatehouse (contract.md §0.3)', () => {
  it('waits 30 s for a body, and 10 s for the next 10 KiB of a list', async () => {
    vi.useRealTimers();
    const test = await startApp();
    const port = Number(new URL(await test.listen()).port);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      for (const [path, limit] of [
        ['/api/v1/apps', 30_000],
        ['/oauth/token', 30_000],
        ['/api/pleroma/follow_import', 10_000],
        ['/api/v1/pleroma/mutes_import', 10_000],
        ['/api/v1/imports', 10_000],
      ] as const) {
        const begun = once(test.app.getHttpServer(), 'request');
        let text = '';
        const socket = connect(port, '127.0.0.1').on('data', (chunk) => (text += chunk.toString()));
        sockets.push(socket);
        const closed = once(socket, 'close');
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n{`,
        );
        const [request] = (await begun) as [IncomingMessage];
        vi.advanceTimersByTime(limit - 1);
        expect({ path, writable: request.socket.writable }).toEqual({ path, writable: true });
        vi.advanceTimersByTime(1);
        await closed;
        expect(text).toMatch(LATE);
      }
    } finally {
      vi.useRealTimers();
      await test.close();
    }
  });
});
