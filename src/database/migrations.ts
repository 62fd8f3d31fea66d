import { Initial1795317600000 } from './migrations/1795317600000-initial.js';

/** Every migration, oldest first. */
export const MIGRATIONS = [Initial1795317600000];
