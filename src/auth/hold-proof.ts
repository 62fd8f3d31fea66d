import type { EntityManager } from 'typeorm';

/** Who has proved to be whom, and when: the account's epoch tells whether that still counts. */
export interface Proof {
  userId: string;
  credentialEpoch: number;
}

/**
 * Holds a person's row, in the state in which they proved who they are, until the transaction ends; false when the
 * password was changed, or everything revoked, since then. Taken before anything else, in the order of `endAccess`.
 */
export async function holdProof({ userId, credentialEpoch }: Proof, tx: EntityManager): Promise<boolean> {
  const rows = await tx.query('select id from "user" where id = $1 and credential_epoch = $2 for no key update', [
    userId,
    credentialEpoch,
  ]);
  return rows.length === 1;
}
