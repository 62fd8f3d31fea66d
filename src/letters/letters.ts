import { ADDRESS_LETTERS } from './address-letters.js';
import { ENDING_LETTERS } from './ending-letters.js';
import { FACTOR_LETTERS } from './factor-letters.js';
import { IDENTITY_LETTERS } from './identity-letters.js';
import { IMPORT_LETTERS } from './import-letters.js';
import type { TemplateName, WriteLetter } from './letter.js';
import { REGISTRATION_LETTERS } from './registration-letters.js';
import { SECURITY_LETTERS } from './security-letters.js';

/** How each kind of letter is written. */
export const LETTERS: Record<TemplateName, WriteLetter> = {
  ...REGISTRATION_LETTERS,
  ...SECURITY_LETTERS,
  ...FACTOR_LETTERS,
  ...IDENTITY_LETTERS,
  ...IMPORT_LETTERS,
  ...ADDRESS_LETTERS,
  ...ENDING_LETTERS,
};
