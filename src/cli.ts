import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Command } from 'commander';
import { pino } from 'pino';
import { AppModule } from './app.module.js';
import { AuditService } from './audit/audit.service.js';
import { SigningKeysService } from './browsers/signing-keys.service.js';
import { Refusal, ValidationFailed } from './common/errors.js';
import { fold } from './common/fields.js';
import { ConfigError, loadConfig } from './config/config.load.js';
import { openDatabase } from './database/open-database.js';
import { loggerOptions } from './logging.js';
import { readPassword } from './password-input.js';
import type { Role, User } from './users/user.entity.js';
import { UsersService } from './users/users.service.js';
import { DataSource } from 'typeorm';

/** Something the operator can mend; told without a stack. */
class Mistake extends Error {}

interface CreateOptions {
  email?: string;
  role: string;
  passwordStdin?: true;
}

/** Runs one command on the house without its HTTP; a running instance on the same data is left alone. */
async function withHouse(work: (house: INestApplicationContext) => Promise<void>): Promise<void> {
  const config = loadConfig();
  const database = await openDatabase(config, 'attach');
  try {
    const house = await NestFactory.createApplicationContext(
      AppModule.on(config, database.url, pino(loggerOptions('warn'))),
      {
        logger: ['warn', 'error', 'fatal'],
        abortOnError: false,
      },
    );
    try {
      await work(house);
    } finally {
      await house.close();
    }
  } finally {
    await database.stop();
  }
}

async function createUser(name: string, { email, role, passwordStdin }: CreateOptions): Promise<void> {
  const password = await readPassword(passwordStdin === true);
  await withHouse(async (house) => {
    const users = house.get(UsersService);
    const wanted = {
      username: folded(name),
      email: email === undefined ? null : folded(email),
      password,
      mayBeReserved: true,
    };
    const user = await users.check({ ...wanted, role: readRole(role) });
    await house.get(DataSource).transaction(async (tx) => {
      await users.insert(user, tx);
      await house.get(AuditService).record({ type: 'account.created', userId: user.id }, null, tx);
    });
    say(`Created ${user.username} (${user.id})`);
  });
}

async function approveUser(name: string): Promise<void> {
  await withHouse(async (house) => {
    await house.get(DataSource).transaction(async (tx) => {
      const userId = await house.get(UsersService).approve(folded(name), tx);
      if (userId === null) throw new Mistake(`Nobody called ${name} awaits approval`);
      await house.get(AuditService).record({ type: 'account.approved', userId }, null, tx);
    });
    say(`Approved ${folded(name)}`);
  });
}

async function listUsers({ json }: { json?: true }): Promise<void> {
  await withHouse(async (house) => {
    const users = (await house.get(UsersService).list()).map(describeUser);
    if (json) say(JSON.stringify(users, null, 2));
    // oxlint-disable-next-line no-console -- a table for a person is what was asked for
    else console.table(users);
  });
}

function describeUser(user: User) {
  const { username, email, role, createdAt } = user;
  const state = user.disabledAt ? 'disabled' : user.approvalPending ? 'awaiting approval' : 'active';
  return { username, email: email ?? '', role, state, created: createdAt.toISOString() };
}

async function rotateKeys(): Promise<void> {
  await withHouse(async (house) => say(`The new signing key is ${await house.get(SigningKeysService).rotate()}`));
}

function checkConfig(): void {
  const config = loadConfig();
  const database = config.databaseUrl === null ? `embedded, under ${config.dataDir}` : new URL(config.databaseUrl).host;
  say(`The configuration is fine. Gatehouse would be at ${config.publicUrl}, its database ${database}.`);
}

function readRole(role: string): Role {
  const known = (['user', 'moderator', 'admin'] as const).find((name) => name === role);
  if (!known) throw new Mistake('--role must be user, moderator or admin');
  return known;
}

function folded(text: string): string {
  return String(fold(text));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const program = new Command('gatehouse').description('Runs a Gatehouse from the command line.').showHelpAfterError();

const user = program.command('user').description('people with accounts');
user
  .command('create <username>')
  .description('make an account; asks for the password')
  .option('--email <address>', 'mail address')
  .option('--role <role>', 'user, moderator or admin', 'user')
  .option('--password-stdin', 'read the password from the first line of standard input')
  .action(createUser);
user.command('approve <username>').description('let somebody in who awaits approval').action(approveUser);
user.command('list').description('list everybody').option('--json', 'as JSON').action(listUsers);

program
  .command('config')
  .description('the configuration')
  .command('check')
  .description('name every bad key')
  .action(checkConfig);
program
  .command('keys')
  .description('the keys that sign browser sessions')
  .command('rotate')
  .description('make a new one')
  .action(rotateKeys);

try {
  await program.parseAsync();
} catch (error) {
  const isExpected =
    error instanceof Mistake ||
    error instanceof ConfigError ||
    error instanceof ValidationFailed ||
    error instanceof Refusal;
  process.stderr.write(`${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
