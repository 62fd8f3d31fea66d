import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { type DataSource, LessThan } from 'typeorm';
import { networkOf } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { sha256 } from '../common/secrets.js';
import { type BudgetName, Config } from '../config/config.js';
import { AttemptBudget } from './attempt-budget.entity.js';

/** What is left of a budget, for the `X-RateLimit-*` headers. */
export interface BudgetState {
  limit: number;
  remaining: number;
  /** When the window ends and the budget is full again. */
  resetAt: Date;
}

/**
 * Counts attempts in the database, so that replicas, restarts and failing requests share one count. Every count is a
 * transaction of its own, written before the work it allows (contract.md §1.1).
 */
@Injectable()
export class LimitsService {
  private readonly log = new Logger(LimitsService.name);
  private readonly limiters = new Map<BudgetName, RateLimiterPostgres>();

  constructor(
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Takes one point from a budget.
   * @throws Refusal `throttled` when none is left, `unavailable` when the count cannot be written
   * @returns null when the budget is switched off
   */
  async consume(name: BudgetName, key: string): Promise<BudgetState | null> {
    const state = await this.tryConsume(name, key);
    if (state && state.remaining < 0) throw throttled(state);
    return state;
  }

  /** Takes one point and tells what is left; below zero the budget was exhausted before. */
  async tryConsume(name: BudgetName, key: string): Promise<BudgetState | null> {
    const limiter = this.limiter(name);
    if (!limiter) return null;
    return counted(async () => stateOf(limiter.points, await limiter.penalty(fit(key), 1)));
  }

  /** Whether one more mail of this kind may go to an address; counts it (contract.md §1.1, *mail to one recipient*). */
  async mayMail(kind: 'change_email' | 'confirmation' | 'recovery' | 'reset', address: string): Promise<boolean> {
    return ((await this.tryConsume('mail_recipient', `${kind} ${address}`))?.remaining ?? 0) >= 0;
  }

  /** What would be left if the attempt in hand failed; takes no point. Below zero nothing is left for it. */
  async foresee(name: BudgetName, key: string): Promise<BudgetState | null> {
    const limiter = this.limiter(name);
    if (!limiter) return null;
    const counts = await counted(() => limiter.get(fit(key)));
    const { consumedPoints, msBeforeNext } = counts ?? { consumedPoints: 0, msBeforeNext: limiter.msDuration };
    return stateOf(limiter.points, { consumedPoints: consumedPoints + 1, msBeforeNext });
  }

  /** @throws Refusal `throttled` when nothing is left of a budget; takes no point */
  async demand(name: BudgetName, key: string): Promise<void> {
    const state = await this.foresee(name, key);
    if (state && state.remaining < 0) throw throttled(state);
  }

  /** Gives one point back: the attempt it was taken for turned out to be none. */
  async refund(name: BudgetName, key: string): Promise<void> {
    const limiter = this.limiter(name);
    if (limiter) await counted(() => limiter.reward(fit(key), 1));
  }

  /** Forgets a count: the person has proved to be the right one. */
  async clear(name: BudgetName, key: string): Promise<void> {
    const limiter = this.limiter(name);
    if (limiter) await counted(() => limiter.delete(fit(key)));
  }

  /**
   * Does the work unless its address has failed too often, and counts the refusal it may end in. Counted after the work,
   * because a point taken before it would refuse good requests that are under way at once; how many may overshoot is
   * bounded by the budget of requests, which is counted before.
   * @throws Refusal `throttled`, or what the work throws
   */
  async countFailures<Result>(name: BudgetName, ip: string, work: () => Promise<Result>): Promise<Result> {
    const key = networkOf(ip);
    await this.demand(name, key);
    try {
      return await work();
    } catch (error) {
      const isFailure = error instanceof Refusal && error.status < 500 && error.code !== 'mfa_required';
      if (isFailure) await this.tryConsume(name, key);
      throw error;
    }
  }

  /** Rows of windows that ended an hour ago say nothing any more. */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.dataSource.manager.delete(AttemptBudget, { expire: LessThan(Date.now() - 3_600_000) });
    } catch (err) {
      this.log.warn({ err }, 'Ended budgets could not be purged now');
    }
  }

  private limiter(name: BudgetName): RateLimiterPostgres | null {
    const { points, per } = this.config.limits[name];
    if (!this.config.limits.enabled || points === 0) return null;
    const known = this.limiters.get(name);
    if (known) return known;
    const limiter = new RateLimiterPostgres({
      storeClient: this.dataSource,
      storeType: 'typeorm',
      tableName: 'attempt_budget',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: name,
      points,
      duration: per,
    });
    this.limiters.set(name, limiter);
    return limiter;
  }
}

/** A count that cannot be written is no free attempt (contract.md §1.1, security.md D9). */
async function counted<Result>(count: () => Promise<Result>): Promise<Result> {
  try {
    return await count();
  } catch (cause) {
    throw new Refusal('unavailable', undefined, { cause });
  }
}

function stateOf(
  limit: number,
  { consumedPoints, msBeforeNext }: Pick<RateLimiterRes, 'consumedPoints' | 'msBeforeNext'>,
): BudgetState {
  return { limit, remaining: limit - consumedPoints, resetAt: new Date(Date.now() + Math.max(msBeforeNext, 0)) };
}

/** The refusal of an attempt for which nothing was left. */
export function throttled({ resetAt }: BudgetState): Refusal {
  return new Refusal('throttled', undefined, {
    retryAfter: Math.max(1, Math.ceil((resetAt.getTime() - Date.now()) / 1000)),
  });
}

/** The store's keys end at 255 characters; what people type may be longer. */
function fit(key: string): string {
  return key.length > 100 ? sha256(key).toString('base64url') : key;
}
