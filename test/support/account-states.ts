import type { TestApp } from './app.js';

/** What keeps an account from being used (contract.md §0.4), as a change of its row. */
export const ACCOUNT_BLOCKS = [
  'disabled_at = now(), disabled_by_staff = true',
  `deletion_due_at = now() + interval '7 days'`,
  'approval_pending = true',
  'confirmation_pending = true',
  'password_reset_required = true',
];

/** The change that undoes them all. */
export const UNBLOCKED = `disabled_at = null, disabled_by_staff = false, deletion_due_at = null, approval_pending = false, confirmation_pending = false,
  password_reset_required = false`;

/** Changes the row of an account. */
export async function changeUser({ dataSource }: TestApp, id: string, change: string): Promise<void> {
  await dataSource.query(`update "user" set ${change} where id = $1`, [id]);
}
