import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RelationshipKind } from '../relationships/relationship.entity.js';

/** What an import changed about one relation, so that it can be taken back: the relation as it was before. */
@Entity()
export class ImportChange {
  @PrimaryColumn({ type: 'uuid' })
  importId: string;

  @PrimaryColumn({ type: 'uuid' })
  sourceId: string;

  @PrimaryColumn({ type: 'text' })
  kind: RelationshipKind;

  @PrimaryColumn({ type: 'uuid' })
  targetId: string;

  /** Null when there was none. */
  @Column({ type: 'jsonb', nullable: true })
  before: object | null;

  /** Whether the import took the relation away, instead of making or changing it. */
  @Column({ type: 'boolean' })
  wasRemoved: boolean;

  /** The row of the list that did it; null for what a row did on the side. */
  @Column({ type: 'integer', nullable: true })
  position: number | null;
}
