import type { EntityManager } from 'typeorm';
import { endSessions } from './end-sessions.js';

/**
 * Ends everything by which a person, or whoever knew the password, is signed in: browsers, codes and unfinished sign-ins,
 * access and refresh tokens (contract.md §4.5). `keepSessionId` names one session that lives on.
 *
 * The order closes the races. The account's row is locked and its epoch raised first, so that a sign-in whose password was
 * checked before fails when it wants to write. Browsers go before sessions, because their codes go with them: that waits
 * for a redemption under way, whose session is then there to be ended.
 */
export async function endAccess(tx: EntityManager, userId: string, keepSessionId: number | null = null): Promise<void> {
  await tx.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [userId]);
  await endBrowsers(tx, userId);
  await endSessions(tx, 'user_id = $1 and id is distinct from $2', [userId, keepSessionId]);
}

/**
 * Ends what only staff is granted, of somebody who is none any more (contract.md §0.5): in the order of `endAccess`, so
 * that neither a sign-in nor a redemption under way keeps it.
 */
export async function endStaffAccess(tx: EntityManager, userId: string): Promise<void> {
  await tx.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [userId]);
  await tx.query(`delete from authorization_code where user_id = $1 and scope ~ '(^| )admin'`, [userId]);
  await endSessions(tx, `user_id = $1 and scope ~ '(^| )admin'`, [userId]);
}

/** Signs all browsers of a person out; pending and approved codes hang on them. */
export async function endBrowsers(tx: EntityManager, userId: string): Promise<void> {
  await tx.query('delete from browser_session where user_id = $1', [userId]);
  await endUnfinishedSignIns(tx, userId);
}

/** Ends sign-ins that wait for one more step, in browsers and at clients; a wait for lost factors is looked at anew. */
export async function endUnfinishedSignIns(tx: EntityManager, userId: string): Promise<void> {
  await tx.query(`update job set run_at = now() where kind = 'recover_factors' and key = $1`, [userId]);
  await tx.query('delete from pending_sign_in where user_id = $1', [userId]);
  await tx.query('delete from mfa_challenge where user_id = $1', [userId]);
}
