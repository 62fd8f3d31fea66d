import { validate as isUuid } from 'uuid';
import { Refusal } from '../common/errors.js';
import type { Config } from '../config/config.js';
import { readHandle } from '../lists/handle.js';
import type { AccountName } from '../relationships/known-accounts.js';
import { USERNAME } from '../users/username.js';

/**
 * Whom a path means: an id, or a local user name (contract.md §8.4).
 * @throws Refusal `record_not_found` for what is neither
 */
export function readAccountName(text: string): AccountName {
  if (isUuid(text)) return { id: text };
  const username = text.toLowerCase();
  if (!USERNAME.test(username)) throw new Refusal('record_not_found');
  return { username, host: null };
}

/**
 * An account's id in a path; anything else is missing, not malformed (contract.md §0.2).
 * @throws Refusal `record_not_found`
 */
export function readAccountId(text: string): string {
  if (!isUuid(text)) throw new Refusal('record_not_found');
  return text.toLowerCase();
}

/**
 * Whom `acct` means: `user` or `user@host`.
 * @throws Refusal `record_not_found` for what is neither
 */
export function readAcct(config: Config, acct: string): AccountName {
  const handle = readHandle(acct, config);
  if (!handle) throw new Refusal('record_not_found');
  return handle;
}
