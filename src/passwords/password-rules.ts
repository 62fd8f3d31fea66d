import type { Detail } from '../common/errors.js';
import { PASSWORD_MAX_BYTES } from './password-hasher.js';

/** What a new password must not be, besides too short or too long. */
export interface PasswordContext {
  username: string;
  email: string | null;
  instanceTitle: string;
  minLength: number;
}

/** What is wrong with a new password, or null (contract.md §0.10: no composition rules). */
export function passwordProblem(
  password: string,
  { username, email, instanceTitle, minLength }: PasswordContext,
): Detail | null {
  if (password === '') return { field: 'password', error: 'ERR_BLANK', description: "can't be blank" };
  // Characters as people count them, not UTF-16 units.
  if ([...password].length < minLength) {
    return {
      field: 'password',
      error: 'ERR_TOO_SHORT',
      description: `is too short (minimum is ${minLength} characters)`,
    };
  }
  if (Buffer.byteLength(password) > PASSWORD_MAX_BYTES) {
    return { field: 'password', error: 'ERR_TOO_LONG', description: 'is too long' };
  }
  const similar = [username, email, instanceTitle].filter((word) => word !== null).map((word) => word.toLowerCase());
  if (similar.includes(password.toLowerCase())) {
    return { field: 'password', error: 'ERR_INVALID', description: 'is too similar to your account' };
  }
  return null;
}
