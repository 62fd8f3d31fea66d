/** Lets so many work at once; the others wait in order. */
export class Turns {
  private free: number;
  /** In order of arrival. */
  private readonly waiting = new Set<() => void>();

  constructor(private readonly places: number) {
    this.free = places;
  }

  /** Whether nobody works here or waits to. */
  get isIdle(): boolean {
    return this.free === this.places;
  }

  /**
   * Does the work when its turn has come.
   * @throws the signal's reason, if it is given before; what the work throws
   */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    await this.take(signal);
    try {
      return await work();
    } finally {
      this.giveBack();
    }
  }

  private async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      this.waiting.delete(resolve);
      reject(signal.reason);
    };
    this.waiting.add(resolve);
    signal.addEventListener('abort', leave);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  private giveBack(): void {
    const [next] = this.waiting;
    if (next) {
      // The place goes from hand to hand, so that nobody who comes now gets in between.
      this.waiting.delete(next);
      next();
    } else {
      this.free += 1;
    }
  }
}
