import { FetchFailed, FetchRefused, guardedFetch } from '../outgoing/guarded-fetch.js';
import { addressesOf } from './host-addresses.js';
import type { Patience } from './patience.js';
import { RemoteHosts } from './remote-hosts.js';
import { Unresolved } from './resolution.js';
import { Turns } from './turns.js';

/** How many requests are under way at once, to all hosts together. */
const AT_ONCE = 30;

/** The longest answer, in bytes (contract.md §7.4); real ones have about one thousand. */
const MAX_BYTES = 64 * 1024;

/** How requests are sent. */
export interface PoliteFetchOptions {
  /** Development: also hosts on private addresses and on this machine. */
  allowPrivateHosts: boolean;
  /** Who we are, to the hosts. */
  userAgent?: string | undefined;
  /** The time in milliseconds; for tests. */
  now?: (() => number) | undefined;
  /** For tests. */
  fetch?: typeof guardedFetch | undefined;
}

/** Sends single requests, to no host too many, and none to one that is away or wants to be left alone. */
export class PoliteFetch {
  private readonly turns = new Turns(AT_ONCE);
  private readonly hosts: RemoteHosts;
  private readonly fetch: typeof guardedFetch;

  constructor(private readonly options: PoliteFetchOptions) {
    this.hosts = new RemoteHosts(options.now);
    this.fetch = options.fetch ?? guardedFetch;
  }

  /**
   * What a host answers, redirects included.
   * @throws Unresolved, or the reason of `patience.signal`
   */
  get(url: URL, patience: Patience): Promise<Response> {
    const host = this.hosts.get(url.host);
    const { signal } = patience;
    return host.turns.run(signal, () =>
      this.turns.run(signal, () => host.ask(() => patience.spend((deadline) => this.send(url, deadline, patience)))),
    );
  }

  private async send(url: URL, deadline: AbortSignal, { isFair, signal }: Patience): Promise<Response> {
    const { allowPrivateHosts, userAgent } = this.options;
    const headers = {
      accept: 'application/jrd+json, application/json',
      ...(userAgent !== undefined && { 'user-agent': userAgent }),
    };
    try {
      return await this.fetch(
        url.href,
        { headers },
        {
          reach: allowPrivateHosts ? 'private' : 'public',
          maxBytes: MAX_BYTES,
          signal: deadline,
          ...(!allowPrivateHosts && { lookup: addressesOf }),
        },
      );
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FetchRefused) throw Unresolved.because('host_not_allowed');
      if (!(error instanceof FetchFailed)) throw error;
      if (error.reason === 'deadline') throw Unresolved.because('host_timeout', { tellsOfHost: isFair });
      throw Unresolved.because(error.reason === 'too_large' ? 'too_large' : 'host_unreachable');
    }
  }
}
