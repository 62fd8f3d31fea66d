import { createInterface } from 'node:readline/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { Mistake } from './mistake.js';
import { folded, say } from './terminal.js';
import { findPerson } from './user-commands.js';

/** How the second confirmation was given, if not to a question. */
export interface ResetFactorsOptions {
  /** The user name, once more. */
  yes?: string;
}

/**
 * Removes every second factor of somebody who has lost them and has shown staff in another way who they are. The password
 * stays what it was: this opens the account to nobody who does not know it.
 */
export async function resetFactors(
  house: INestApplicationContext,
  name: string,
  { yes }: ResetFactorsOptions,
): Promise<void> {
  const { id, username, email } = await findPerson(house, name);
  const again = yes ?? (await ask(`Type the user name of ${username} again to remove every second factor: `));
  if (folded(again) !== username) throw new Mistake(`That is not ${username}: nothing was changed`);
  if (!(await house.get(FactorRecoveryService).removeByStaff(id)))
    throw new Mistake(`${username} has no second factor`);
  say(`Removed every second factor of ${username}: the password is enough now`);
  say(email === null ? 'There is no address to tell it to' : `A mail that tells it goes to ${email}`);
}

async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw new Mistake('Nobody is there to ask: type the user name again with --yes NAME');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
