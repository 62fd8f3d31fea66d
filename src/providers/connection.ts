import type { JSONWebKeySet } from 'jose';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { CircuitBreaker } from '../outgoing/circuit-breaker.js';
import { FetchFailed, guardedFetch, type GuardedInit, type Reach } from '../outgoing/guarded-fetch.js';
import { LastGood } from './last-good.js';
import { ProviderKeys } from './provider-keys.js';
import { isUnreachable } from './provider-trouble.js';

/** The longest answer of a provider, in bytes; real ones have some thousand. */
export const MAX_BYTES = 512 * 1024;

/** How long discovery and keys may take by themselves, in milliseconds: less than a conversation. */
export const LOAD_LIMIT_MS = 8000;

const HOUR = 3_600_000;

/** Discovery is looked at again after an hour, and taken for a day while the provider is away (security.md D14). */
const AGE = { fresh: HOUR, usable: 24 * HOUR };

/** Closed after one answer, open after five that did not come, tried again every half minute (security.md D13). */
const BREAKER = { failures: 5, probeAfterMs: 30_000, inFlight: 20, isFailure: isUnreachable };

/** What of a discovery document is needed to stay connected. */
interface Metadata {
  jwks_uri?: string;
}

/** How requests to this provider are sent. */
export type ProviderFetch = (url: string, init: GuardedInit) => Promise<Response>;

/** What is kept of one provider between sign-ins: its discovery document, its keys, and whether it answers at all. */
export class Connection<Discovered extends Metadata> {
  /** The provider's public keys. */
  readonly keys = new ProviderKeys(() => this.loadKeys());
  private readonly breaker = new CircuitBreaker(BREAKER);
  private readonly copy: LastGood<Discovered>;

  constructor(
    private readonly provider: SsoProviderConfig,
    discover: (fetch: ProviderFetch) => Promise<Discovered>,
  ) {
    this.copy = new LastGood(() => {
      const signal = AbortSignal.timeout(LOAD_LIMIT_MS);
      return discover((url, init) => this.fetch(url, init, signal));
    }, AGE);
  }

  /** The discovery document at hand, or null. */
  get known(): Discovered | null {
    return this.copy.known;
  }

  /** The discovery document, not older than it may be. */
  metadata(): Promise<Discovered> {
    return this.copy.get();
  }

  /**
   * Sends one request, if the provider is expected to answer it.
   * @throws FetchFailed also for a status of 500 and more, FetchRefused, CircuitOpen
   */
  fetch(url: string, init: GuardedInit, signal: AbortSignal): Promise<Response> {
    return this.breaker.run(async () => {
      const response = await guardedFetch(url, init, { reach: reachOf(this.provider), maxBytes: MAX_BYTES, signal });
      if (response.status >= 500) throw new FetchFailed(`the answer has status ${response.status}`);
      return response;
    });
  }

  private async loadKeys(): Promise<JSONWebKeySet> {
    const { jwks_uri: url } = await this.metadata();
    if (url === undefined) throw new FetchFailed('the provider names no keys');
    const init = { method: 'GET', headers: { accept: 'application/json' } };
    const response = await this.fetch(url, init, AbortSignal.timeout(LOAD_LIMIT_MS));
    if (response.status !== 200) throw new FetchFailed(`the keys are answered with status ${response.status}`);
    const keys: unknown = await response.json().catch(() => null);
    if (!isKeySet(keys)) throw new FetchFailed('what stands for the keys is no key set');
    return keys;
  }
}

/** An issuer on this machine may be connected to here, one in the operator's network where they say so (security.md A6). */
export function reachOf({ issuer, allow_private_addresses: isPrivate }: SsoProviderConfig): Reach {
  if (isPrivate) return 'private';
  return issuer.startsWith('http:') ? 'loopback' : 'public';
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keys' in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key: unknown) => typeof key === 'object' && key !== null && !Array.isArray(key))
  );
}
