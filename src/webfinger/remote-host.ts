import { CircuitBreaker, CircuitOpen } from '../outgoing/circuit-breaker.js';
import { Unresolved } from './resolution.js';
import { secondsOfRetryAfter } from './retry-after.js';
import { Turns } from './turns.js';

/** How many requests one host gets at once (contract.md §7.4). */
const AT_ONCE = 2;

/** As long as a host's wish to be left alone is waited out, in seconds (contract.md §7.4). */
const LONGEST_REST = 300;

/** One host that is asked: whose turn it is there, whether it answers, and whether it wants to be asked. */
export class RemoteHost {
  /** Who asks it. */
  readonly turns = new Turns(AT_ONCE);
  /** When it was last needed, in milliseconds. */
  usedAt = 0;
  private readonly breaker: CircuitBreaker;
  private restsUntil = 0;

  /** @param now the time in milliseconds */
  constructor(private readonly now: () => number) {
    this.breaker = new CircuitBreaker({
      failures: 5,
      probeAfterMs: 30_000,
      inFlight: AT_ONCE,
      isFailure: (error) => this.isFailure(error),
      now,
    });
  }

  /**
   * Sends one request, unless the host is known to be away or at rest.
   * @throws Unresolved also for an answer with status 429 or from 500 on
   */
  async ask(send: () => Promise<Response>): Promise<Response> {
    this.demandRested();
    try {
      return await this.breaker.run(async () => this.willing(await send()));
    } catch (error) {
      throw error instanceof CircuitOpen ? Unresolved.because('host_unreachable') : error;
    }
  }

  private willing(response: Response): Response {
    const { status } = response;
    if (status !== 429 && status < 500) return response;
    const seconds = secondsOfRetryAfter(response.headers.get('retry-after'), this.now());
    if (seconds !== null && (status === 429 || status === 503)) {
      this.restsUntil = this.now() + seconds * 1000;
      this.demandRested();
    }
    throw Unresolved.because('host_unreachable');
  }

  /** Who is asked not to ask does not ask for somebody else either. */
  private demandRested(): void {
    const seconds = Math.ceil((this.restsUntil - this.now()) / 1000);
    if (seconds > LONGEST_REST) throw Unresolved.because('host_unreachable');
    if (seconds > 0) throw new Unresolved({ state: 'later', seconds });
  }

  private isFailure(error: unknown): boolean {
    // What was given up says nothing: an open circuit stays open, a closed one closed.
    if (!(error instanceof Unresolved) || !error.tellsOfHost) return this.breaker.state !== 'closed';
    return error.outcome.state === 'failed' && error.outcome.retryable;
  }
}
