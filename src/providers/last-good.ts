/** How old a copy may be, in milliseconds. */
export interface CopyAge {
  /** Younger is taken without a look. */
  fresh: number;
  /** Older is never taken. */
  usable: number;
}

/** After a failure the copy at hand is taken for so long, before the next try; milliseconds. */
const RETRY_MS = 30_000;

/** Keeps a copy of what another server says, and the last good one while that server is away (security.md D14). */
export class LastGood<T> {
  private copy: { value: T; at: number } | null = null;
  private failedAt = -Infinity;
  private loading: Promise<T> | null = null;

  constructor(
    private readonly load: () => Promise<T>,
    private readonly age: CopyAge,
    private readonly now: () => number = Date.now,
  ) {}

  /** The copy at hand, whatever its age, or null. */
  get known(): T | null {
    return this.copy?.value ?? null;
  }

  /** A fresh copy, or else one that is still usable; many callers at once load it once. */
  async get(): Promise<T> {
    const { copy } = this;
    const now = this.now();
    if (copy && now - copy.at < this.age.fresh) return copy.value;
    const isUsable = copy !== null && now - copy.at < this.age.usable;
    if (isUsable && now - this.failedAt < RETRY_MS) return copy.value;
    try {
      return await this.renew();
    } catch (error) {
      if (isUsable) return copy.value;
      throw error;
    }
  }

  /** Loads a new copy, whatever the age of the present one. */
  renew(): Promise<T> {
    this.loading ??= this.reload().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  private async reload(): Promise<T> {
    try {
      const value = await this.load();
      this.copy = { value, at: this.now() };
      return value;
    } catch (error) {
      this.failedAt = this.now();
      throw error;
    }
  }
}
