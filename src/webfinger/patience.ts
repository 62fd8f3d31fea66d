import { Unresolved } from './resolution.js';

/**
 * How long hosts may take in all for one handle: names, connections and answers of every request. What does not count is
 * waiting for our own turn, which is not their fault.
 */
export class Patience {
  private leftMs: number;

  /** @param signal given when nobody waits for the handle any more */
  constructor(
    private readonly limitMs: number,
    readonly signal: AbortSignal,
  ) {
    this.leftMs = limitMs;
  }

  /**
   * Whether a host that does not answer now is to blame for it: whoever redirects to it could otherwise spend the time, and
   * cut us off from a host that is well.
   */
  get isFair(): boolean {
    return this.leftMs >= this.limitMs / 2;
  }

  /**
   * Does one request in the time that is left.
   * @throws Unresolved when none is
   */
  async spend<Result>(request: (deadline: AbortSignal) => Promise<Result>): Promise<Result> {
    if (this.leftMs <= 0) throw Unresolved.because('host_timeout', { tellsOfHost: false });
    const began = performance.now();
    try {
      return await request(AbortSignal.any([this.signal, AbortSignal.timeout(Math.ceil(this.leftMs))]));
    } finally {
      this.leftMs -= performance.now() - began;
    }
  }
}
