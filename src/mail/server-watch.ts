import { backoff } from '../jobs/job-kind.js';

/** The longest that this process waits before it looks whether the server is back, in seconds, but for the spread. */
const MOST = 30;

/** Whether the mail server is there, as far as this process knows. While it is away, one attempt at a time looks after it. */
export class ServerWatch {
  private failures = 0;
  private pausedUntil = 0;

  /** How many attempts may run at `now`, of at most so many. */
  allowance(most: number, now: number): number {
    if (this.failures === 0) return most;
    return now < this.pausedUntil ? 0 : 1;
  }

  /** The server answered; true when it had been away. */
  answered(): boolean {
    const wasAway = this.failures > 0;
    this.failures = 0;
    this.pausedUntil = 0;
    return wasAway;
  }

  /** Nobody answered; true when this is new. */
  failed(now: number): boolean {
    // Attempts that were under way when it went say nothing more.
    if (now < this.pausedUntil) return false;
    this.failures += 1;
    this.pausedUntil = now + backoff(this.failures, 5, MOST) * 1000;
    return this.failures === 1;
  }
}
