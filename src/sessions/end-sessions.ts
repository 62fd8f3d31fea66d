import type { EntityManager } from 'typeorm';

/** Marks live sessions as ended and tells whose they were. Every token is looked up with its session, so it is dead at once, everywhere. */
export async function endSessions(
  tx: EntityManager,
  condition: string,
  values: unknown[],
): Promise<{ userId: string | null; applicationId: number }[]> {
  const [rows] = await tx.query(
    `update session set revoked_at = now() where revoked_at is null and ${condition}
     returning user_id as "userId", application_id as "applicationId"`,
    values,
  );
  return rows;
}
