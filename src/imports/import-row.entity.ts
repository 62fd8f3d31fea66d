import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Contract.md §7.4. */
export type RowState =
  | 'pending'
  | 'planned'
  | 'applied'
  | 'requested'
  | 'unchanged'
  | 'skipped'
  | 'failed'
  | 'removed'
  | 'undone'
  | 'cancelled';

/** One account of a list, and what became of it. Without an index by state, so that a batch changes rows in place. */
@Entity()
export class ImportRow {
  @PrimaryColumn({ type: 'uuid' })
  importId: string;

  /** In the order of the list; rows that overwriting has removed come after it. */
  @PrimaryColumn({ type: 'integer' })
  position: number;

  /** Of the file, from 1; null for a removed one. */
  @Column({ type: 'integer', nullable: true })
  line: number | null;

  /** `user` or `user@host`; as it was written where it is no handle. */
  @Column({ type: 'text' })
  handle: string;

  @Column({ type: 'text', nullable: true })
  username: string | null;

  /** Null for an account here. */
  @Column({ type: 'text', nullable: true })
  host: string | null;

  @Column({ type: 'jsonb' })
  options: object;

  @Column({ type: 'text' })
  state: RowState;

  @Column({ type: 'text', nullable: true })
  reason: string | null;

  /** The account that it turned out to be. */
  @Column({ type: 'uuid', nullable: true })
  accountId: string | null;

  /** Look-ups at the host that failed so far. */
  @Column({ type: 'smallint', default: 0 })
  attempts: number;

  /** How often the host has asked for time, which is no failure of it. */
  @Column({ type: 'smallint', default: 0 })
  waits: number;

  /** Not looked up again before, because the host asked for time. */
  @Column({ type: 'timestamptz', nullable: true })
  retryAt: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt: Date;
}
