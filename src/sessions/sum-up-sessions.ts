import type { EntityManager } from 'typeorm';

/** How an account is used, in two facts. */
export interface SessionSummary {
  /** How many sessions live. */
  live: number;
  /** The last use of any session, ended ones included until they are purged. */
  lastUsedAt: Date | null;
}

/** Counts the sessions of a person. */
export async function sumUpSessions(userId: string, tx: EntityManager): Promise<SessionSummary> {
  const [summary] = await tx.query(
    `select count(*) filter (where revoked_at is null and (access_expires_at > now() or refresh_expires_at > now())) as live,
       max(last_used_at) as "lastUsedAt"
     from session where user_id = $1`,
    [userId],
  );
  return summary;
}
