/** How a circuit breaker decides. */
export interface CircuitBreakerOptions {
  /** How many failures in a row open the circuit. */
  failures: number;
  /** Milliseconds between two probes of an open circuit. */
  probeAfterMs: number;
  /** How many calls may be under way at once. */
  inFlight: number;
  /** Whether an error says that the other side is not there; any other outcome says that it is. */
  isFailure: (error: unknown) => boolean;
  /** The time in milliseconds; for tests. */
  now?: () => number;
}

/** The work was not begun: the other side is known not to answer, or too many calls already wait for it. */
export class CircuitOpen extends Error {
  override readonly name = 'CircuitOpen';
}

/**
 * Spares us waiting for a server that does not answer (security.md D13): after some failures in a row calls fail at
 * once, but for one probe now and then. Knows only this process; each replica finds out by itself.
 */
export class CircuitBreaker {
  private readonly now: () => number;
  private failuresInRow = 0;
  private underWay = 0;
  private isProbing = false;
  /** When the circuit opened or was last probed; null while it is closed. */
  private triedAt: number | null = null;

  constructor(private readonly options: CircuitBreakerOptions) {
    this.now = options.now ?? Date.now;
  }

  /** `half-open` while the next call is, or would be, the probe. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (this.triedAt === null) return 'closed';
    return this.isProbing || this.now() - this.triedAt >= this.options.probeAfterMs ? 'half-open' : 'open';
  }

  /** @throws CircuitOpen, or what the work throws */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const { state } = this;
    if (state === 'open' || this.isProbing) throw new CircuitOpen('The other side does not answer');
    if (this.underWay >= this.options.inFlight) throw new CircuitOpen('Too many calls are under way');
    const isProbe = state === 'half-open';
    if (isProbe) {
      this.isProbing = true;
      this.triedAt = this.now();
    }
    this.underWay += 1;
    try {
      const result = await work();
      this.note(isProbe, false);
      return result;
    } catch (error) {
      this.note(isProbe, this.options.isFailure(error));
      throw error;
    } finally {
      this.underWay -= 1;
      if (isProbe) this.isProbing = false;
    }
  }

  private note(isProbe: boolean, isFailure: boolean): void {
    // What was begun before the circuit opened says nothing new; only the probe closes it.
    if (this.triedAt !== null && !isProbe) return;
    this.failuresInRow = isFailure ? this.failuresInRow + 1 : 0;
    if (!isFailure) this.triedAt = null;
    else if (this.failuresInRow >= this.options.failures) this.triedAt ??= this.now();
  }
}
