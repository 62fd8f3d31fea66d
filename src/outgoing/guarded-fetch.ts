import { lookup as lookupAll } from 'node:dns/promises';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Client, errors, fetch, type RequestInit } from 'undici';

/**
 * Which addresses may be connected to: `public` only globally routable ones; `loopback` also this machine; `private`
 * also RFC 1918, unique local and carrier-grade NAT addresses. Link-local, multicast and reserved ones never.
 */
export type Reach = 'public' | 'loopback' | 'private';

/** One address of a host, as `dns.lookup` tells it. */
export interface HostAddress {
  address: string;
  family: number;
}

/** What bounds one fetch. */
export interface FetchLimits {
  reach: Reach;
  /** The most bytes of body to accept, counted both as sent and after decompression. */
  maxBytes: number;
  /** Ends the whole: name resolution, connection, headers and body. */
  signal: AbortSignal;
  /** All addresses of a host; the system's resolver unless told otherwise. */
  lookup?: (hostname: string) => Promise<HostAddress[]>;
}

/** We would not go there: not a URL, not a scheme, host or address that is allowed. Nothing was sent. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
}

/** What is asked for, as `fetch` takes it; redirects and connections are not the caller's to choose. */
export type GuardedInit = Pick<RequestInit, 'method' | 'headers' | 'body' | 'signal'>;

/** Why a fetch was in vain: no connection or no valid answer, not before the deadline, or too much of it. */
export type FailureReason = 'unreachable' | 'deadline' | 'too_large';

/** We went there in vain; the cause is what the network said, if it did. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
  readonly reason: FailureReason;

  constructor(message: string, { reason = 'unreachable', ...options }: ErrorOptions & { reason?: FailureReason } = {}) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Fetches from a server that somebody else chose, and reads the whole answer. The host is resolved once and the
 * connection pinned to the addresses that were checked (DNS rebinding; security.md R97). Redirects are returned, not
 * followed; no proxy from the environment is used. Every call has one connection of its own: a single-use code must not
 * be lost on a kept one that the server is just closing, and ending that connection ends everything.
 * @throws FetchRefused, FetchFailed
 */
export async function guardedFetch(address: string, init: GuardedInit, limits: FetchLimits): Promise<Response> {
  const url = allowedUrl(address);
  const signal = init.signal ? AbortSignal.any([limits.signal, init.signal]) : limits.signal;
  try {
    const addresses = await until(signal, resolve(url, limits));
    demandAllowed(url, addresses, limits.reach);
    return await fetchFrom(url, addresses, { ...init, signal }, limits.maxBytes);
  } catch (cause) {
    if (cause instanceof FetchRefused || cause instanceof FetchFailed) throw cause;
    // Never the path or query, in which secrets may stand.
    if (signal.aborted) throw new FetchFailed(`${url.origin} did not answer in time`, { cause, reason: 'deadline' });
    if (isTooLarge(cause)) throw tooLarge(url, cause);
    throw new FetchFailed(`${url.origin} could not be fetched from`, { cause });
  }
}

async function fetchFrom(
  url: URL,
  addresses: HostAddress[],
  init: RequestInit & { signal: AbortSignal },
  maxBytes: number,
): Promise<Response> {
  const client = new Client(url.origin, {
    connect: {
      lookup: (_hostname, options, found) => {
        const [first] = addresses;
        if (options.all || !first) found(null, addresses);
        else found(null, first.address, first.family);
      },
      // The client forgets a connection that is still being made; it must end at the deadline, too.
      signal: init.signal,
    },
    // HTTP/2 would survive the end of an answer.
    allowH2: false,
    maxResponseSize: maxBytes,
  });
  try {
    const answer = await fetch(url, { ...init, redirect: 'manual', duplex: 'half', dispatcher: client });
    if (answer.body && Number(answer.headers.get('content-length')) > maxBytes) throw tooLarge(url);
    const body = answer.body && (await readUpTo(maxBytes, answer.body, url));
    // Of Node's own class: undici's from npm is another one, which `instanceof` tells apart.
    return new Response(body, {
      status: answer.status,
      statusText: answer.statusText,
      headers: [...answer.headers],
    });
  } finally {
    await client.destroy();
  }
}

/** The content of a stream, in one block: a list of a million one-byte chunks would cost far more than `maxBytes`. */
async function readUpTo(
  maxBytes: number,
  stream: AsyncIterable<Uint8Array>,
  url: URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Buffer.allocUnsafeSlow(maxBytes);
  let size = 0;
  for await (const chunk of stream) {
    if (size + chunk.byteLength > maxBytes) throw tooLarge(url);
    bytes.set(chunk, size);
    size += chunk.byteLength;
  }
  return bytes.subarray(0, size);
}

function allowedUrl(address: string): URL {
  const url = URL.parse(address);
  if (!url) throw new FetchRefused('Not an absolute URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new FetchRefused(`The scheme ${url.protocol} is not fetched from`);
  }
  if (url.username !== '' || url.password !== '') throw new FetchRefused('A URL with credentials is not fetched from');
  return url;
}

/** The addresses of a URL's host; `URL` has already made `0x7f.1`, `2130706433` and `127.0.0.1.` into `127.0.0.1`. */
async function resolve(url: URL, limits: FetchLimits): Promise<HostAddress[]> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(hostname);
  if (family !== 0) return [{ address: hostname, family }];
  const addresses = await (limits.lookup?.(hostname) ?? lookupAll(hostname, { all: true }));
  if (addresses.length === 0) throw new FetchFailed(`${url.hostname} has no address`);
  return addresses;
}

/** One address that is not allowed refuses the host: which one is connected to is not ours to choose. */
function demandAllowed(url: URL, addresses: HostAddress[], reach: Reach): void {
  for (const { address } of addresses) {
    const place = placeOf(address);
    if (place === null || !PLACES[reach].includes(place)) {
      throw new FetchRefused(`${url.hostname} is at ${address}, which is not allowed`);
    }
    if (url.protocol === 'http:' && place !== 'loopback') {
      throw new FetchRefused(`${url.origin} is not encrypted, and not on this machine`);
    }
  }
}

const PLACES: Record<Reach, readonly Reach[]> = {
  public: ['public'],
  loopback: ['public', 'loopback'],
  private: ['public', 'loopback', 'private'],
};

/** Where clouds answer with the machine's own credentials outside link-local: AWS, Google, Alibaba, Azure. */
const METADATA = new Set(['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16']);

/** Where an address is, or null where nobody may go. */
function placeOf(address: string): Reach | null {
  const spelling = plainSpelling(address);
  if (spelling === null) return null;
  const parsed = ipaddr.process(spelling);
  if (METADATA.has(parsed.toString())) return null;
  switch (parsed.range()) {
    case 'loopback':
      return 'loopback';
    case 'private':
    case 'uniqueLocal':
    case 'carrierGradeNat':
      return 'private';
    case 'unicast':
      // What IANA has not handed out is no place, nor is `::7f00:1`, once another spelling of 127.0.0.1 (RFC 4291 §2.4, §2.5.5.1).
      return parsed instanceof ipaddr.IPv4 || parsed.match(ipaddr.IPv6.parseCIDR('2000::/3')) ? 'public' : null;
    case 'rfc6052':
      return translatedPlace(parsed.toByteArray());
    default:
      // 6to4 and Teredo among them: they could wrap any IPv4 address, and no server is published there.
      return null;
  }
}

/**
 * The address as the connection understands it. Resolvers write `::7f00:1` as `::127.0.0.1`, which ipaddr.js takes for
 * the IPv4 address; `URL` writes hexadecimal groups only, and knows no zones.
 */
function plainSpelling(address: string): string | null {
  if (isIPv4(address)) return address;
  return isIPv6(address) ? (URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? null) : null;
}

/** NAT64: all that a network without IPv4 knows of an IPv4 server; never of another than a public one (RFC 6052 §3.1). */
function translatedPlace(bytes: number[]): Reach | null {
  const isWellKnownPrefix = bytes.slice(4, 12).every((byte) => byte === 0);
  return isWellKnownPrefix && placeOf(bytes.slice(12).join('.')) === 'public' ? 'public' : null;
}

/** The outcome of the work, or the signal's reason as soon as it is given. */
async function until<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([ended, work]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof errors.ResponseExceededMaxSizeError;
}

function tooLarge(url: URL, cause?: unknown): FetchFailed {
  return new FetchFailed(`${url.origin} answered with too much`, { cause, reason: 'too_large' });
}
