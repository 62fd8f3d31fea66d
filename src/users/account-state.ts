import type { ErrorCode } from '../common/errors.js';

/** The columns that decide whether a person may use their account. */
export interface AccountStateColumns {
  disabledAt: Date | null;
  deletionDueAt: Date | null;
  approvalPending: boolean;
  confirmationPending: boolean;
  passwordResetRequired: boolean;
}

/** Why an account cannot be used now; `deleted` is told to nobody. */
export type Blocked =
  | Extract<
      ErrorCode,
      'account_is_disabled' | 'missing_confirmed_email' | 'awaiting_approval' | 'password_reset_required'
    >
  | 'deleted';

/** What keeps a person from using their account, or null (contract.md §0.4). */
export function accountBlock(user: AccountStateColumns): Blocked | null {
  if (user.deletionDueAt !== null) return 'deleted';
  if (user.disabledAt !== null) return 'account_is_disabled';
  if (user.confirmationPending) return 'missing_confirmed_email';
  if (user.approvalPending) return 'awaiting_approval';
  if (user.passwordResetRequired) return 'password_reset_required';
  return null;
}

/** The same question as `accountBlock(user) === null`, for statements in which `"user"` is named `u`. */
export const USER_IS_ACTIVE = `(u.deletion_due_at is null and u.disabled_at is null and not u.confirmation_pending
  and not u.approval_pending and not u.password_reset_required)`;

/**
 * Whether other people can see an account, for statements in which `"user"` is named `alias`. A password that staff wants
 * changed concerns nobody else.
 */
export function userIsVisible(alias: string): string {
  return `(${alias}.deletion_due_at is null and ${alias}.disabled_at is null and not ${alias}.confirmation_pending
  and not ${alias}.approval_pending)`;
}
