import { Initial1795317600000 } from './migrations/1795317600000-initial.js';
import { Accounts1795330800000 } from './migrations/1795330800000-accounts.js';
import { Factors1795334400000 } from './migrations/1795334400000-factors.js';
import { Sso1795338000000 } from './migrations/1795338000000-sso.js';
import { Imports1795341600000 } from './migrations/1795341600000-imports.js';

/** Every migration, oldest first. */
export const MIGRATIONS = [
  Initial1795317600000,
  Accounts1795330800000,
  Factors1795334400000,
  Sso1795338000000,
  Imports1795341600000,
];
