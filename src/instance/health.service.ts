import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheckService, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

/** What `/health/ready` answers. */
export interface Health {
  status: 'ok' | 'unavailable';
  /** Which checks failed, by name. */
  reasons?: string[];
}

/** A check that takes longer than this has failed, in milliseconds. */
const PATIENCE_MS = 2000;

/** More skew to the database's clock than this makes one-time codes wrong, in milliseconds (security.md D12). */
const MAX_SKEW_MS = 30_000;

/** Knows whether this process should get requests: database, schema, clock, and whether it is about to stop. */
@Injectable()
export class HealthService {
  private isStopping = false;

  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** From now on the process is not ready, so that the proxy sends its requests elsewhere (security.md D4). */
  stop(): void {
    this.isStopping = true;
  }

  async check(): Promise<Health> {
    try {
      await this.checks.check([() => this.shutdown(), () => this.database()]);
      return { status: 'ok' };
    } catch (error) {
      return { status: 'unavailable', reasons: failedChecks(error) };
    }
  }

  private shutdown(): HealthIndicatorResult {
    const check = this.indicators.check('shutdown');
    return this.isStopping ? check.down() : check.up();
  }

  private async database(): Promise<HealthIndicatorResult> {
    const reason = await Promise.race([this.databaseProblem(), after(PATIENCE_MS, 'database')]);
    return reason === null ? this.indicators.check('database').up() : this.indicators.check(reason).down();
  }

  private async databaseProblem(): Promise<'database' | 'migrations' | 'clock' | null> {
    try {
      const asked = Date.now();
      const [{ now }] = await this.dataSource.query('select extract(epoch from clock_timestamp()) * 1000 as now');
      const middle = (asked + Date.now()) / 2;
      if (Math.abs(Number(now) - middle) > MAX_SKEW_MS) return 'clock';
      return (await this.dataSource.showMigrations()) ? 'migrations' : null;
    } catch {
      return 'database';
    }
  }
}

function failedChecks(error: unknown): string[] {
  const result: unknown = error instanceof ServiceUnavailableException ? error.getResponse() : null;
  if (typeof result !== 'object' || result === null || !('error' in result)) return ['database'];
  return Object.keys(result.error ?? {});
}

function after<Value>(milliseconds: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value).unref());
}
