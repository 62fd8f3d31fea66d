import { randomInt } from 'node:crypto';

/** No letter or digit that is taken for another: no 0, 1, i, l, o. */
const ALPHABET = '23456789abcdefghjkmnpqrstuvwxyz';
const LENGTH = 10;

/** How many codes are in a set (contract.md §6.5). */
export const SET_SIZE = 10;

/** A fresh set. */
export function newBackupCodes(): string[] {
  return Array.from({ length: SET_SIZE }, newCode);
}

/** A code as it was shown, however it was typed: any case, with spaces and hyphens; null when it cannot be one. */
export function readBackupCode(typed: string): string | null {
  const code = typed.replace(/[\s-]/g, '').toLowerCase();
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : null;
}

function newCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
