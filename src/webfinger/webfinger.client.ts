import { type Acct, acctUri, isHost, isPublicName, isSameAcct } from './acct.js';
import { Patience } from './patience.js';
import { PoliteFetch, type PoliteFetchOptions } from './polite-fetch.js';
import { type FailureReason, type RemoteAccount, type Resolution, Unresolved } from './resolution.js';
import { readDescriptor, type ResourceDescriptor } from './resource-descriptor.js';
import { SharedWork } from './shared-work.js';

/** How long hosts may take for one handle, in milliseconds (contract.md §7.4). */
const LIMIT_MS = 5000;

const MAX_REDIRECTS = 3;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** RFC 7033 §10.1. */
const WELL_KNOWN = '/.well-known/webfinger';

/** Whom a WebFinger client asks, and how. */
export interface WebFingerOptions extends PoliteFetchOptions {
  /** Whether a host may be asked, by its name; redirects and answers can lead to others than that of the handle. */
  isAllowedHost?: (host: string) => boolean;
  /** How long hosts may take for one handle, in milliseconds; for tests. */
  limitMs?: number;
}

/** Finds out who a remote handle is (RFC 7033); keeps no answers. */
export class WebFingerClient {
  private readonly resolutions = new SharedWork<Resolution>();
  private readonly fetch: PoliteFetch;

  constructor(private readonly options: WebFingerOptions) {
    this.fetch = new PoliteFetch(options);
  }

  /**
   * Looks up one handle; at once with itself only once. After `later` it is the caller who counts how long a host has been
   * waited for.
   * @param host ASCII, lower case
   * @throws the signal's reason
   */
  resolve(username: string, host: string, signal?: AbortSignal): Promise<Resolution> {
    const asked = { username: username.toLowerCase(), host };
    return this.resolutions.join(acctUri(asked), (stop) => this.find(asked, stop), signal);
  }

  private async find(asked: Acct, stop: AbortSignal): Promise<Resolution> {
    const patience = new Patience(this.options.limitMs ?? LIMIT_MS, stop);
    try {
      return { state: 'found', account: await this.prove(asked, patience) };
    } catch (error) {
      if (error instanceof Unresolved) return error.outcome;
      throw error;
    }
  }

  /** Whose account the handle is, in the words of every host that has a say in it. */
  private async prove(asked: Acct, patience: Patience): Promise<RemoteAccount> {
    const claim = await this.ask(asked, patience);
    const { subject, uri } = claim;
    let known = claim;
    if (!isSameAcct(subject, asked)) {
      known = await this.confirm(subject, uri, patience);
      if (!isSameAcct(known.subject, subject)) throw Unresolved.because('bad_answer');
    }
    const { host: actorHost } = new URL(uri);
    if (actorHost !== asked.host && actorHost !== subject.host) {
      // The actor is elsewhere, as with Mastodon's WEB_DOMAIN. Anybody could claim an actor: the name is what its own host
      // says, be it the one in question or one of its own.
      const there = { username: subject.username, host: actorHost };
      known = await this.confirm(there, uri, patience);
      if (!isSameAcct(known.subject, subject) && !isSameAcct(known.subject, there)) {
        throw Unresolved.because('bad_answer');
      }
    }
    return { ...known.subject, uri, url: known.url };
  }

  /** What the host that a first answer names says itself; no more than its confirmation counts. */
  private async confirm(acct: Acct, uri: string, patience: Patience): Promise<ResourceDescriptor> {
    this.demandAllowed(acct.host, 'bad_answer');
    const answer = await this.ask(acct, patience).catch((error: unknown) => {
      if (!(error instanceof Unresolved) || error.outcome.state === 'later') throw error;
      throw Unresolved.because('bad_answer', { retryable: error.outcome.retryable });
    });
    if (answer.uri !== uri) throw Unresolved.because('bad_answer');
    return answer;
  }

  private async ask(acct: Acct, patience: Patience): Promise<ResourceDescriptor> {
    this.demandAllowed(acct.host);
    // Where hosts have no public names, nobody vouches for their certificates either.
    const url = new URL(`${isPublicName(acct.host) ? 'https' : 'http'}://${acct.host}${WELL_KNOWN}`);
    url.searchParams.set('resource', acctUri(acct));
    const response = await this.follow(url, patience);
    if (response.status !== 200) throw Unresolved.because(reasonOf(response.status));
    const json: unknown = await response.json().catch(() => null);
    const descriptor = readDescriptor(json, (link) => this.isAllowedUrl(link) && this.isAllowedName(link.host));
    if (!descriptor) throw Unresolved.because('bad_answer');
    return descriptor;
  }

  private async follow(start: URL, patience: Patience): Promise<Response> {
    let url = start;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.fetch.get(url, patience);
      if (!REDIRECTS.has(response.status)) return response;
      const location = response.headers.get('location');
      const next = location === null ? null : URL.parse(location, url);
      if (!next || !this.isAllowedUrl(next)) throw Unresolved.because('bad_answer');
      this.demandAllowed(next.host);
      url = next;
    }
    throw Unresolved.because('bad_answer');
  }

  private isAllowedUrl({ protocol, username, password }: URL): boolean {
    const isSafe = protocol === 'https:' || (this.options.allowPrivateHosts && protocol === 'http:');
    return isSafe && username === '' && password === '';
  }

  private isAllowedName(host: string): boolean {
    return this.options.allowPrivateHosts ? isHost(host) : isPublicName(host);
  }

  /** @param misnamed what it is when the host is not named as a public one */
  private demandAllowed(host: string, misnamed: FailureReason = 'host_not_allowed'): void {
    if (!this.isAllowedName(host)) throw Unresolved.because(misnamed);
    if (this.options.isAllowedHost?.(host) === false) throw Unresolved.because('host_not_allowed');
  }
}

/** What an answer without a descriptor means. Only 404 says that there is no such account; 401 and 403 say nothing of it. */
function reasonOf(status: number): FailureReason {
  if (status === 404) return 'not_found';
  return status === 410 ? 'gone' : 'bad_answer';
}
