import type { INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccountEndingService } from '../account/account-ending.service.js';
import { mayReset, PasswordResetService } from '../recovery/password-reset.service.js';
import { ConfirmationService } from '../registration/confirmation.service.js';
import { describeState } from './describe-user.js';
import { Mistake } from './mistake.js';
import { say } from './terminal.js';
import { findPerson } from './user-commands.js';

/** How an account is deleted. */
export interface DeleteOptions {
  now?: true;
}

/** Keeps somebody out until staff lets them in again. */
export async function disableUser(house: INestApplicationContext, name: string): Promise<void> {
  const { id, username } = await findPerson(house, name);
  if (!(await house.get(AccountEndingService).disable(id, 'staff', null))) {
    throw new Mistake(`${username} is disabled already, or erased`);
  }
  say(`Disabled ${username}: signed out everywhere, and only staff can undo it`);
}

/** Lets somebody back in who is disabled, or deleted but not yet erased. */
export async function enableUser(house: INestApplicationContext, name: string): Promise<void> {
  const { id, username } = await findPerson(house, name);
  const endings = house.get(AccountEndingService);
  const isEnabled = await endings.enable(id, null);
  const isKept = await house.get(DataSource).transaction((tx) => endings.cancelDeletion(id, null, tx));
  if (!isEnabled && !isKept) throw new Mistake(`${username} is neither disabled nor waiting to be erased`);
  say(`Enabled ${username}`);
}

/** Ends an account: hidden at once, erased after the grace, or without one. */
export async function deleteUser(house: INestApplicationContext, name: string, { now }: DeleteOptions): Promise<void> {
  const { id, username } = await findPerson(house, name);
  if (!(await house.get(AccountEndingService).scheduleDeletion(id, null, now ? 0 : undefined))) {
    throw new Mistake(`${username} is deleted already`);
  }
  const { deletionDueAt } = await findPerson(house, username);
  say(`Deleted ${username}: hidden from now on, to be erased at ${deletionDueAt?.toISOString() ?? 'once'}`);
}

/** Demands a new password of somebody, and sends them the link to set it. */
export async function resetPassword(house: INestApplicationContext, name: string): Promise<void> {
  const user = await findPerson(house, name);
  if (!mayReset(user)) throw new Mistake(`A new password is of no use to ${user.username}: ${describeState(user)}`);
  const resets = house.get(PasswordResetService);
  const token = await house.get(DataSource).transaction((tx) => resets.demandNew(user, null, tx));
  say(`${user.username} is signed out everywhere and must set a new password`);
  if (user.email !== null) say(`A mail with the link goes to ${user.email}`);
  else
    say(
      'There is no address to send the link to. Hand it over yourself; it works once, within an hour:',
      resets.url(token),
    );
}

/** Vouches for the address somebody registered with. */
export async function confirmUser(house: INestApplicationContext, name: string): Promise<void> {
  const { id, username } = await findPerson(house, name);
  const confirmations = house.get(ConfirmationService);
  const isConfirmed = await house.get(DataSource).transaction((tx) => confirmations.confirmByStaff(id, tx));
  if (!isConfirmed) throw new Mistake(`${username} has nothing to confirm`);
  say(`Confirmed ${username}`);
}
