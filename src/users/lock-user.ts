import type { EntityManager } from 'typeorm';
import { User } from './user.entity.js';

/**
 * A person as they are now, held until the transaction ends, or null. Taken before their links and sessions, in the order
 * of `endAccess`, so that what happens to one person at once is done one after the other and never waits in a circle.
 */
export function lockUser(id: string, tx: EntityManager): Promise<User | null> {
  return tx.findOne(User, { where: { id }, lock: { mode: 'for_no_key_update' } });
}
