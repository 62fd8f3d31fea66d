import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FetchLimits, FetchRefused, guardedFetch, type Reach } from './guarded-fetch.js';

const REACHES: Reach[] = ['public', 'loopback', 'private'];

describe('where guardedFetch goes', () => {
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
    const server = createServer(listener).on('connection', (socket) =>
      sockets.push(socket.on('error', () => undefined)),
    );
    servers.push({ server, sockets });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return { port, origin: `http://127.0.0.1:${port}`, sockets };
  }

  function limits(changes: Partial<FetchLimits> = {}): FetchLimits {
    return { reach: 'loopback', maxBytes: 10_000, signal: AbortSignal.timeout(10_000), ...changes };
  }

  /** A resolver that gives one answer after the other, and counts the questions. */
  function resolver(...answers: string[][]) {
    const questions: string[] = [];
    const lookup = async (hostname: string) => {
      questions.push(hostname);
      const addresses = answers[questions.length - 1] ?? [];
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    };
    return { lookup, questions };
  }

  it('resolves a name once, and connects to what it checked', async () => {
    const { port } = await serve((request, response) => response.end(request.headers.host));
    const { lookup, questions } = resolver(['127.0.0.1'], ['10.0.0.1']);
    const url = `http://idp.test:${port}/`;
    expect(await (await guardedFetch(url, {}, limits({ lookup }))).text()).toBe(`idp.test:${port}`);
    expect(questions).toEqual(['idp.test']);
    // The next fetch asks anew, and is not served from a kept connection.
    await expect(guardedFetch(url, {}, limits({ lookup }))).rejects.toThrow(FetchRefused);
    expect(questions).toEqual(['idp.test', 'idp.test']);
  });

  it('does not ask a second time when the first answer is refused', async () => {
    const { port, sockets } = await serve((_, response) => response.end());
    const { lookup, questions } = resolver(['93.184.216.34'], ['127.0.0.1']);
    await expect(guardedFetch(`http://idp.test:${port}`, {}, limits({ lookup }))).rejects.toThrow('not encrypted');
    expect([questions.length, sockets.length]).toEqual([1, 0]);
  });

  it('asks the system when it is not given a resolver', async () => {
    const { port } = await serve((_, response) => response.end('here'));
    expect(await (await guardedFetch(`http://localhost:${port}`, {}, limits())).text()).toBe('here');
    await expect(guardedFetch(`https://localhost:${port}`, {}, limits({ reach: 'public' }))).rejects.toThrow(
      FetchRefused,
    );
  });

  it('tries the next address when the first does not answer', async () => {
    const { port } = await serve((_, response) => response.end('here'));
    const { lookup } = resolver(['::1', '127.0.0.1']);
    expect(await (await guardedFetch(`http://idp.test:${port}`, {}, limits({ lookup }))).text()).toBe('here');
  });

  it.each([
    [['93.184.216.34', '10.0.0.1']],
    [['10.0.0.1', '93.184.216.34']],
    [['2606:2800:220:1::1', '127.0.0.1']],
    [['93.184.216.34', '::ffff:169.254.169.254']],
    [['93.184.216.34', 'not an address']],
  ])('refuses a name that has one address too many: %j', async (addresses) => {
    const { port, sockets } = await serve((_, response) => response.end());
    const { lookup } = resolver(addresses);
    const fetched = guardedFetch(`https://idp.test:${port}`, {}, limits({ reach: 'public', lookup }));
    await expect(fetched).rejects.toThrow(FetchRefused);
    expect(sockets).toHaveLength(0);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'data:,x',
    'blob:https://idp.test/1',
    'gopher://127.0.0.1/',
    '//idp.test/',
    '',
    'https://user@idp.test/',
    'https://user:word@idp.test/',
    'https://:word@idp.test/',
  ])('refuses %j before any look-up', async (address) => {
    const { lookup, questions } = resolver(['93.184.216.34']);
    await expect(guardedFetch(address, {}, limits({ lookup }))).rejects.toThrow(FetchRefused);
    expect(questions).toEqual([]);
  });

  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1.',
    '１２７.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '0',
    '10.1',
    '169.254.169.254',
    '[::ffff:a9fe:a9fe]',
    '[fd00:ec2::254]',
  ])('refuses the literal %s from the public', async (host) => {
    const { port, sockets } = await serve((_, response) => response.end());
    for (const scheme of ['http', 'https']) {
      const fetched = guardedFetch(`${scheme}://${host}:${port}/`, {}, limits({ reach: 'public' }));
      await expect(fetched).rejects.toThrow(FetchRefused);
    }
    expect(sockets).toHaveLength(0);
  });

  it.each(['127.0.0.1', '127.1', '2130706433', '[::ffff:127.0.0.1]'])(
    'goes to the literal %s on loopback',
    async (host) => {
      const { port } = await serve((_, response) => response.end('here'));
      expect(await (await guardedFetch(`http://${host}:${port}/`, {}, limits())).text()).toBe('here');
    },
  );

  it.each([
    ['http://93.184.216.34/', 'private'],
    ['http://10.0.0.1/', 'private'],
    ['http://[fd12::1]/', 'private'],
    ['http://127.0.0.1/', 'public'],
  ] as const)('does not go to %s unencrypted, although it may go to what is %s', async (address, reach) => {
    await expect(guardedFetch(address, {}, limits({ reach }))).rejects.toThrow(FetchRefused);
  });

  it.each<[string, Reach | null]>([
    ['93.184.216.34', 'public'],
    ['2606:2800:220:1::1', 'public'],
    ['::ffff:93.184.216.34', 'public'],
    ['64:ff9b::93.184.216.34', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fc00::1', 'private'],
    ['fd12:3456::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['0.0.0.0', null],
    ['0.1.2.3', null],
    ['::', null],
    ['169.254.0.1', null],
    ['169.254.169.254', null],
    ['::ffff:169.254.169.254', null],
    ['fe80::1', null],
    ['fe80::1%lo', null],
    ['fec0::1', null],
    ['224.0.0.1', null],
    ['239.255.255.255', null],
    ['ff02::1', null],
    ['255.255.255.255', null],
    ['240.0.0.1', null],
    ['192.0.0.1', null],
    ['192.0.2.1', null],
    ['198.18.0.1', null],
    ['198.51.100.1', null],
    ['203.0.113.1', null],
    ['2001:db8::1', null],
    ['3fff::1', null],
    ['100::1', null],
    ['2001:2::1', null],
    ['2001:10::1', null],
    ['5f00::1', null],
    ['4000::1', null],
    ['::7f00:1', null],
    ['::127.0.0.1', null],
    ['::93.184.216.34', null],
    ['::ffff:0:127.0.0.1', null],
    ['64:ff9b::127.0.0.1', null],
    ['64:ff9b::10.0.0.1', null],
    ['64:ff9b::169.254.169.254', null],
    ['64:ff9b:1::93.184.216.34', null],
    ['2002:7f00:1::', null],
    ['2002:5db8:d822::1', null],
    ['2001:0:1:2:3:4:80ff:fffe', null],
    ['fd00:ec2::254', null],
    ['100.100.100.200', null],
    ['168.63.129.16', null],
  ])('takes %s for %s', async (address, place) => {
    const allowed: Reach[] = [];
    for (const reach of REACHES) {
      // Addresses are checked in order: if the first one is allowed, it is the second that is refused. Nothing connects.
      const { lookup } = resolver([address, '169.254.0.99']);
      const error = await guardedFetch('https://idp.test', {}, limits({ reach, lookup })).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(FetchRefused);
      if (error.message.includes(' 169.254.0.99,')) allowed.push(reach);
    }
    expect(allowed).toEqual(place === null ? [] : REACHES.slice(REACHES.indexOf(place)));
  });
});
