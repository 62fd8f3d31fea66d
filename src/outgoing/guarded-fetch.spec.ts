import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import * as oidc from 'openid-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FetchFailed, type FetchLimits, guardedFetch } from './guarded-fetch.js';

/** `idp.test`, vouched for by nobody, from 2020 to 2120. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7CK/qneIAZ7jN6Ib
K1uiGaIgnCDGlySLtflkHA1pufehRANCAATXoomrSJRKB6XYJB9a4gFlZ8nZgTor
lE5pjdV5poY1zAM/XCJZ4a7rxc462QM2PXuqoHoFWlylzdoIuo34PgNl
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBLjCB1KADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCGlkcC50ZXN0
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjATMREwDwYDVQQDDAhp
ZHAudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNeiiatIlEoHpdgkH1ri
AWVnydmBOiuUTmmN1XmmhjXMAz9cIlnhruvFzjrZAzY9e6qgegVaXKXN2gi6jfg+
A2WjFzAVMBMGA1UdEQQMMAqCCGlkcC50ZXN0MAoGCCqGSM49BAMCA0kAMEYCIQDN
wy9wc5SCvT5gQF529dqKkBqHjhwrmg8cgZNPb8xm9gIhAKQyy/pnS/+WonNcpRmg
PEGeDG/KaHjzBhtDyNeVztr8
-----END CERTIFICATE-----`;

describe('guardedFetch', () => {
  const servers: { server: Server; sockets: Socket[] }[] = [];

  /** After every fetch, however it ended, its connection is gone at once. */
  afterEach(async () => {
    for (const { server, sockets } of servers.splice(0)) {
      await vi.waitUntil(() => sockets.every(({ closed }) => closed));
      server.close();
    }
  });

  /** The port on loopback at which a server listens, and how many connections it has had. */
  async function listen(server: Server) {
    const sockets: Socket[] = [];
    server.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
    servers.push({ server, sockets });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return { port, origin: `http://127.0.0.1:${port}`, sockets };
  }

  const serve = (listener: RequestListener) => listen(createHttpServer(listener));

  function limits(changes: Partial<FetchLimits> = {}): FetchLimits {
    return { reach: 'loopback', maxBytes: 10_000, signal: AbortSignal.timeout(10_000), ...changes };
  }

  /** Says that every name is this machine. */
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }];

  async function failure(address: string, changes: Partial<FetchLimits> = {}): Promise<FetchFailed> {
    const error: unknown = await guardedFetch(address, {}, limits(changes)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FetchFailed);
    return error as FetchFailed;
  }

  describe('an ordinary answer', () => {
    it("is one of Node's own, with status, headers and body", async () => {
      const { origin } = await serve((_, response) => {
        response.writeHead(418, 'Short and stout', {
          'content-type': 'application/json',
          'set-cookie': ['a=1', 'b=2'],
        });
        response.end('{"ok":true}');
      });
      const answer = await guardedFetch(`${origin}/x?y=z`, {}, limits());
      expect(answer).toBeInstanceOf(Response);
      expect([answer.status, answer.statusText, answer.ok]).toEqual([418, 'Short and stout', false]);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(await answer.json()).toEqual({ ok: true });
    });

    it('comes to a request with method, headers and body', async () => {
      const { origin } = await serve((request, response) => {
        void text(request).then((body) => response.end([request.method, request.headers['x-y'], body].join(' ')));
      });
      const init = { method: 'POST', headers: { 'x-y': 'z' }, body: new URLSearchParams({ code: 'ü' }) };
      expect(await (await guardedFetch(origin, init, limits())).text()).toBe('POST z code=%C3%BC');
    });

    it.each([
      ['204', 204, 'GET'],
      ['304', 304, 'GET'],
      ['HEAD, whatever length it tells', 200, 'HEAD'],
    ])('may have no body: %s', async (_, status, method) => {
      const { origin } = await serve((_request, response) => {
        response.writeHead(status, method === 'HEAD' ? { 'content-length': '1000000' } : {}).end();
      });
      const answer = await guardedFetch(origin, { method }, limits());
      expect([answer.status, answer.body]).toEqual([status, null]);
    });

    it('is decompressed', async () => {
      const { origin } = await serve((_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('plain'));
      });
      expect(await (await guardedFetch(origin, {}, limits())).text()).toBe('plain');
    });

    it.each([301, 302, 303, 307, 308])('may be a redirect, which is returned and not followed: %i', async (status) => {
      const { origin, sockets } = await serve((_, response) => {
        response.writeHead(status, { location: '/elsewhere' }).end('moved');
      });
      const answer = await guardedFetch(origin, {}, limits());
      expect([answer.status, answer.headers.get('location'), await answer.text()]).toEqual([
        status,
        '/elsewhere',
        'moved',
      ]);
      expect(sockets).toHaveLength(1);
    });

    it('is what openid-client asks for', async () => {
      const { origin } = await serve((request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ issuer: `http://${request.headers.host}` }));
      });
      const client = await oidc.discovery(new URL(origin), 'gatehouse', undefined, undefined, {
        execute: [oidc.allowInsecureRequests],
        [oidc.customFetch]: (url, init) => guardedFetch(url, init, limits()),
      });
      expect(client.serverMetadata().issuer).toBe(origin);
    });
  });

  describe('https', () => {
    const serveSafely = () =>
      listen(
        createHttpsServer({ key: KEY, cert: CERTIFICATE }, (request, response) => response.end(request.headers.host)),
      );

    it('asks the pinned address for the name, and checks its certificate', async () => {
      const { port } = await serveSafely();
      const known = getCACertificates('default');
      setDefaultCACertificates([CERTIFICATE]);
      try {
        const fetchAs = (name: string) => guardedFetch(`https://${name}:${port}`, {}, limits({ lookup }));
        expect(await (await fetchAs('idp.test')).text()).toBe(`idp.test:${port}`);
        await expect(fetchAs('other.test')).rejects.toMatchObject({
          reason: 'unreachable',
          cause: { cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } },
        });
      } finally {
        setDefaultCACertificates(known);
      }
    });

    it('fails with a certificate that nobody vouches for', async () => {
      const { port } = await serveSafely();
      const error = await failure(`https://idp.test:${port}`, { lookup });
      expect(error).toMatchObject({
        reason: 'unreachable',
        message: `https://idp.test:${port} could not be fetched from`,
        cause: { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
      });
    });
  });

  describe('no answer', () => {
    it('fails when nobody listens', async () => {
      const server = createHttpServer();
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      await once(server.close(), 'close');
      const error = await failure(`http://127.0.0.1:${port}/secret?code=1`);
      expect(error).toMatchObject({ reason: 'unreachable', cause: { cause: { code: 'ECONNREFUSED' } } });
      expect(error.message).not.toContain('secret');
    });

    it('fails when the connection ends in the middle of the body', async () => {
      const { origin } = await serve((_, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('x');
        setTimeout(() => response.destroy(), 20);
      });
      expect((await failure(origin)).reason).toBe('unreachable');
    });

    it('fails when a name does not resolve, or to nothing', async () => {
      const unknown = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
      expect(await failure('https://idp.test', { lookup: unknown })).toMatchObject({
        reason: 'unreachable',
        cause: { code: 'ENOTFOUND' },
      });
      expect((await failure('https://idp.test', { lookup: async () => [] })).reason).toBe('unreachable');
    });
  });
});
