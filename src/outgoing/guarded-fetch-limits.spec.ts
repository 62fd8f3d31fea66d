import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FetchFailed, type FetchLimits, guardedFetch } from './guarded-fetch.js';

describe('guardedFetch', () => {
  const servers: { server: Server; sockets: Socket[] }[] = [];

  /** After every fetch, however it ended, its connection is gone at once. */
  afterEach(async () => {
    for (const { server, sockets } of servers.splice(0)) {
      await vi.waitUntil(() => sockets.every(({ closed }) => closed));
      server.close();
    }
  });

  async function serve(listener: RequestListener) {
    const sockets: Socket[] = [];
    const server = createServer(listener);
    // Says nothing to what is no request.
    server.on('clientError', () => undefined);
    server.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
    servers.push({ server, sockets });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return { port, origin: `http://127.0.0.1:${port}`, sockets };
  }

  function limits(changes: Partial<FetchLimits> = {}): FetchLimits {
    return { reach: 'loopback', maxBytes: 10_000, signal: AbortSignal.timeout(10_000), ...changes };
  }

  async function failure(address: string, changes: Partial<FetchLimits> = {}): Promise<FetchFailed> {
    const error: unknown = await guardedFetch(address, {}, limits(changes)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FetchFailed);
    return error as FetchFailed;
  }

  describe('too much', () => {
    it('takes exactly as many bytes as are allowed', async () => {
      const { origin } = await serve((_, response) => response.end('x'.repeat(10_000)));
      expect(await (await guardedFetch(origin, {}, limits())).text()).toHaveLength(10_000);
    });

    it('refuses a length that is told beforehand without waiting for the body', async () => {
      const { origin } = await serve((_, response) => {
        response.writeHead(200, { 'content-length': '10001' }).write('x');
      });
      expect((await failure(origin)).reason).toBe('too_large');
    });

    it('ends a body without a length when it grows too large', async () => {
      const { origin } = await serve((_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(1000)));
        };
        response.on('drain', more);
        more();
      });
      expect((await failure(origin)).reason).toBe('too_large');
    });

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ])('ends a body that grows too large by decompression: %s', async (encoding, compress) => {
      const bomb = compress(Buffer.alloc(5_000_000));
      expect(bomb.byteLength).toBeLessThan(10_000);
      const { origin } = await serve((_, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(bomb);
      });
      expect((await failure(origin)).reason).toBe('too_large');
    });

    it('ends a body that is compressed without end and holds nothing', async () => {
      const start = gzipSync('').subarray(0, 10);
      // Empty stored blocks (RFC 1951 §3.2.4).
      const nothing = Buffer.from('000000ffff'.repeat(1000), 'hex');
      const { origin } = await serve((_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).write(start);
        const more = (): void => {
          while (!response.destroyed && response.write(nothing));
        };
        response.on('drain', more);
        more();
      });
      expect((await failure(origin)).reason).toBe('too_large');
    });
  });

  describe('too long', () => {
    const soon = () => ({ signal: AbortSignal.timeout(200) });

    it('ends a server that takes the connection and says nothing', async () => {
      const { origin, sockets } = await serve(() => undefined);
      expect(await failure(origin, soon())).toMatchObject({ reason: 'deadline', cause: { name: 'TimeoutError' } });
      expect(sockets).toHaveLength(1);
    });

    it('ends a server that does not shake hands', async () => {
      const { port, sockets } = await serve(() => undefined);
      expect((await failure(`https://127.0.0.1:${port}`, soon())).reason).toBe('deadline');
      expect(sockets).toHaveLength(1);
    });

    it('ends a server that drips', async () => {
      const { origin } = await serve((_, response) => {
        const dripping = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(dripping));
      });
      const began = performance.now();
      expect(await failure(origin, soon())).toMatchObject({ reason: 'deadline', cause: { name: 'TimeoutError' } });
      expect(performance.now() - began).toBeLessThan(2000);
    });

    it('ends a resolver that does not answer', async () => {
      const lookup = () => Promise.withResolvers<never>().promise;
      expect((await failure('https://idp.test', { ...soon(), lookup })).reason).toBe('deadline');
    });

    it('does not begin after the deadline', async () => {
      const { origin, sockets } = await serve((_, response) => response.end());
      expect((await failure(origin, { signal: AbortSignal.abort() })).reason).toBe('deadline');
      expect(sockets).toHaveLength(0);
    });

    it("heeds the request's own signal, too", async () => {
      const { origin } = await serve(() => undefined);
      await expect(guardedFetch(origin, soon(), limits())).rejects.toMatchObject({ reason: 'deadline' });
    });
  });
});
