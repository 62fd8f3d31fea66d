import type { JSONWebKeySet } from 'jose';
import { LastGood } from './last-good.js';

const MINUTE = 60_000;

/** A removed key is refused after that (security.md D15); a copy is taken for a day while the provider is away (D14). */
const AGE = { fresh: 5 * MINUTE, usable: 24 * 60 * MINUTE };

/** So many look-ups for keys that we do not know, a minute: a flood of forged ones makes us no flood (security.md D15). */
const LOOKUPS = 2;

/** The public keys of one provider: fetched now and then, and at once for a key that is not among them. */
export class ProviderKeys {
  private readonly copy: LastGood<JSONWebKeySet>;
  private fetches: number[] = [];

  constructor(
    load: () => Promise<JSONWebKeySet>,
    private readonly now: () => number = Date.now,
  ) {
    const counted = () => {
      this.fetches = [...this.recentFetches(), this.now()];
      return load();
    };
    this.copy = new LastGood(counted, AGE, now);
  }

  /** The keys at hand, not older than they may be. */
  current(): Promise<JSONWebKeySet> {
    return this.copy.get();
  }

  /** The keys as they are at the provider now, unless it was asked just before: for a signature that none at hand fits. */
  async lookUp(): Promise<JSONWebKeySet> {
    if (this.recentFetches().length >= LOOKUPS) return this.current();
    try {
      return await this.copy.renew();
    } catch {
      return this.current();
    }
  }

  private recentFetches(): number[] {
    return this.fetches.filter((at) => this.now() - at < MINUTE);
  }
}
