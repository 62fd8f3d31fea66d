import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { type Change, restore } from '../relationships/graph.js';
import type { Import } from '../imports/import.entity.js';

interface Remembered extends Change {
  position: number | null;
}

/** Takes the next changes of an import back, in the caller's transaction; true when there was none left. */
export async function undoBatch({ id }: Import, most: number, tx: EntityManager): Promise<boolean> {
  // What it made goes before what it took away comes back: a block makes room for the follows that it ended.
  const [changes]: [Remembered[]] = await tx.query(
    `delete from import_change c using (
       select source_id, kind, target_id from import_change where import_id = $1
       order by was_removed, source_id, kind, target_id limit $2
     ) n where c.import_id = $1 and c.source_id = n.source_id and c.kind = n.kind and c.target_id = n.target_id
     returning c.source_id as "sourceId", c.kind, c.target_id as "targetId", c.before, c.was_removed as "wasRemoved", c.position`,
    [id, most],
  );
  if (changes.length === 0) return true;
  const key = ({ sourceId, kind, targetId }: Pick<Change, 'sourceId' | 'kind' | 'targetId'>) =>
    `${sourceId} ${kind} ${targetId}`;
  const restored = new Set((await restore(changes, id, uuidv7(), tx)).map(key));
  const positions = changes.flatMap((change) =>
    change.position !== null && restored.has(key(change)) ? [change.position] : [],
  );
  await tx.query(
    `update import_row set state = 'undone', updated_at = now() where import_id = $1 and position = any($2)`,
    [id, positions],
  );
  return false;
}

/** Gives up the next change, which cannot be taken back: its row stays as it is. */
export async function forgetChange({ id }: Import, tx: EntityManager): Promise<void> {
  await tx.query(
    `delete from import_change where import_id = $1 and (source_id, kind, target_id) = (
       select source_id, kind, target_id from import_change where import_id = $1
       order by was_removed, source_id, kind, target_id limit 1)`,
    [id],
  );
}
