import { within } from '../outgoing/within.js';

interface Shared<Result> {
  outcome: Promise<Result>;
  stop: AbortController;
  waiting: number;
}

/** Does once what several ask for at the same time, and gives it up when nobody waits for it any more. */
export class SharedWork<Result> {
  private readonly underWay = new Map<string, Shared<Result>>();

  /**
   * The outcome of the work of that name, which is begun unless it is under way.
   * @throws the caller's signal's reason, which ends only their own waiting; what the work throws
   */
  async join(key: string, begin: (signal: AbortSignal) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted();
    const shared = this.underWay.get(key) ?? this.begin(key, begin);
    shared.waiting += 1;
    try {
      return await (signal ? within(signal, shared.outcome) : shared.outcome);
    } finally {
      shared.waiting -= 1;
      if (shared.waiting === 0) this.end(key, shared);
    }
  }

  private begin(key: string, begin: (signal: AbortSignal) => Promise<Result>): Shared<Result> {
    const stop = new AbortController();
    const shared = { outcome: begin(stop.signal), stop, waiting: 0 };
    this.underWay.set(key, shared);
    return shared;
  }

  private end(key: string, shared: Shared<Result>): void {
    this.underWay.delete(key);
    shared.stop.abort();
  }
}
