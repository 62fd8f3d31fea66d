import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One counted budget; the columns are those of rate-limiter-flexible's PostgreSQL store. */
@Entity()
@Index('attempt_budget_by_expiry', ['expire'])
export class AttemptBudget {
  @PrimaryColumn({ type: 'varchar', length: 255 })
  key: string;

  @Column({ type: 'integer', default: 0 })
  points: number;

  /** Milliseconds since the epoch; null never expires. */
  @Column({ type: 'bigint', nullable: true })
  expire: number | null;
}
