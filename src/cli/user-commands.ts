import type { INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { sumUpSessions } from '../sessions/sum-up-sessions.js';
import { NoticesService } from '../users/notices.service.js';
import type { Role, User } from '../users/user.entity.js';
import { IdentitiesService } from '../identities/identities.service.js';
import { UsersService } from '../users/users.service.js';
import { describeUser, summariseUser } from './describe-user.js';
import { Mistake } from './mistake.js';
import { folded, say } from './terminal.js';

/** What a new account is made of, as typed. */
export interface CreateOptions {
  email?: string;
  role: string;
  passwordStdin?: true;
}

/** How a list is written. */
export interface ListOptions {
  json?: true;
}

/** Makes an account; staff may take reserved names. */
export async function createUser(
  house: INestApplicationContext,
  name: string,
  { email, role }: CreateOptions,
  password: string,
): Promise<void> {
  const users = house.get(UsersService);
  const wanted = {
    username: folded(name),
    email: email === undefined ? null : folded(email),
    password,
    mayBeReserved: true,
  };
  const user = await users.check({ ...wanted, role: readRole(role) });
  await house.get(DataSource).transaction(async (tx) => {
    // The operator who types an address vouches for it.
    await users.insert({ ...user, emailVerifiedAt: user.email === null ? null : new Date() }, tx);
    await house.get(AuditService).record({ type: 'account.created', userId: user.id }, null, tx);
  });
  say(`Created ${user.username} (${user.id})`);
}

/** Lets somebody in who awaits approval, and tells them. */
export async function approveUser(house: INestApplicationContext, name: string): Promise<void> {
  const { username } = await findPerson(house, name);
  await house.get(DataSource).transaction(async (tx) => {
    const userId = await house.get(UsersService).approve(username, tx);
    if (userId === null) throw new Mistake(`Nobody called ${name} awaits approval`);
    await house.get(AuditService).record({ type: 'account.approved', userId }, null, tx);
    await house.get(NoticesService).tell('account_approved', userId, null, tx);
  });
  say(`Approved ${username}`);
}

/** Lists everybody. */
export async function listUsers(house: INestApplicationContext, { json }: ListOptions): Promise<void> {
  const users = (await house.get(UsersService).list()).map(summariseUser);
  if (json) say(JSON.stringify(users, null, 2));
  // oxlint-disable-next-line no-console -- a table for a person is what was asked for
  else console.table(users);
}

/** Tells what is known of one account; never a hash. */
export async function showUser(house: INestApplicationContext, name: string, { json }: ListOptions): Promise<void> {
  const user = await findPerson(house, name);
  const sessions = await sumUpSessions(user.id, house.get(DataSource).manager);
  const facts = describeUser(user, sessions, await house.get(IdentitiesService).list(user.id));
  if (json) return say(JSON.stringify(facts, null, 2));
  say(
    ...Object.entries(facts).map(([label, fact]) => `${`${label.replaceAll('_', ' ')}:`.padEnd(16)}${inWords(fact)}`),
  );
}

/**
 * The account of that name or address.
 * @throws Mistake
 */
export async function findPerson(house: INestApplicationContext, name: string): Promise<User> {
  const user = await house.get(UsersService).findByIdentifier(folded(name));
  if (!user) throw new Mistake(`Nobody is called ${name}`);
  return user;
}

function readRole(role: string): Role {
  const known = (['user', 'moderator', 'admin'] as const).find((name) => name === role);
  if (!known) throw new Mistake('--role must be user, moderator or admin');
  return known;
}

function inWords(fact: string | number | boolean | null | readonly string[]): string {
  if (Array.isArray(fact)) return fact.join(', ') || '-';
  if (typeof fact === 'boolean') return fact ? 'yes' : 'no';
  return fact === null || fact === '' ? '-' : String(fact);
}
