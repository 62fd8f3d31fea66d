import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Command } from 'commander';
import { pino } from 'pino';
import { AppModule } from './app.module.js';
import { SigningKeysService } from './browsers/signing-keys.service.js';
import { confirmUser, deleteUser, disableUser, enableUser, resetPassword } from './cli/account-commands.js';
import { prepareImport } from './cli/import-users.js';
import { listMails, retryMail } from './cli/mail-commands.js';
import { resetFactors } from './cli/mfa-commands.js';
import { Mistake } from './cli/mistake.js';
import { readPassword } from './cli/password-input.js';
import { rotateSecrets } from './cli/secret-commands.js';
import { diagnoseProvider, listProviders, prepareSimulation } from './cli/sso-commands.js';
import { say } from './cli/terminal.js';
import { approveUser, createUser, listUsers, showUser } from './cli/user-commands.js';
import { Refusal, ValidationFailed } from './common/errors.js';
import { ConfigError, loadConfig } from './config/config.load.js';
import { openDatabase } from './database/open-database.js';
import { loggerOptions } from './logging.js';

/** Nobody waits for an answer as they do for a page: what a statement of the command line may take, in milliseconds. */
const QUERY_LIMIT_MS = 60_000;

/** Runs one command on the house without its HTTP; a running instance on the same data is left alone. */
async function withHouse(work: (house: INestApplicationContext) => Promise<void>): Promise<void> {
  const config = loadConfig();
  const database = await openDatabase(config, 'attach');
  try {
    const house = await NestFactory.createApplicationContext(
      AppModule.on(config, database.url, pino(loggerOptions('warn')), QUERY_LIMIT_MS),
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

/** A command that works on the house, with the arguments that were typed. */
function inHouse<Typed extends unknown[]>(command: (house: INestApplicationContext, ...typed: Typed) => Promise<void>) {
  return (...typed: Typed) => withHouse((house) => command(house, ...typed));
}

async function rotateKeys(): Promise<void> {
  await withHouse(async (house) => say(`The new signing key is ${await house.get(SigningKeysService).rotate()}`));
}

function checkConfig(): void {
  const config = loadConfig();
  const database = config.databaseUrl === null ? `embedded, under ${config.dataDir}` : new URL(config.databaseUrl).host;
  say(`The configuration is fine. Gatehouse would be at ${config.publicUrl}, its database ${database}.`);
}

const program = new Command('gatehouse').description('Runs a Gatehouse from the command line.').showHelpAfterError();

const user = program.command('user').description('people with accounts');
user
  .command('create <username>')
  .description('make an account; asks for the password')
  .option('--email <address>', 'mail address')
  .option('--role <role>', 'user, moderator or admin', 'user')
  .option('--password-stdin', 'read the password from the first line of standard input')
  .action(async (name, options) => {
    const password = await readPassword(options.passwordStdin === true);
    await withHouse((house) => createUser(house, name, options, password));
  });
user.command('list').description('list everybody').option('--json', 'as JSON').action(inHouse(listUsers));
user
  .command('show <name>')
  .description('tell what is known of somebody')
  .option('--json', 'as JSON')
  .action(inHouse(showUser));
user.command('approve <name>').description('let somebody in who awaits approval').action(inHouse(approveUser));
user
  .command('confirm <name>')
  .description('vouch for the address that somebody registered with')
  .action(inHouse(confirmUser));
user.command('disable <name>').description('sign somebody out and keep them out').action(inHouse(disableUser));
user
  .command('enable <name>')
  .description('let somebody back in who is disabled, or deleted but not yet erased')
  .action(inHouse(enableUser));
user
  .command('reset-password <name>')
  .description('demand a new password, and send the link to set it')
  .action(inHouse(resetPassword));
user
  .command('mfa-reset <name>')
  .description('remove every second factor of somebody who has lost them; asks to type the user name again')
  .option('--yes <name>', 'the user name again, where nobody is there to ask')
  .action(inHouse(resetFactors));
user
  .command('delete <name>')
  .description('hide an account, and erase it after the grace')
  .option('--now', 'without the grace')
  .action(inHouse(deleteUser));
user
  .command('import <file>')
  .description('move people in from a CSV file: username,email,display_name,password_hash')
  .option('--dry-run', 'tell what would happen, and change nothing')
  .option('--report <file>', 'write refused rows there instead of to standard error')
  .action(async (file, options) => withHouse(await prepareImport(file, options)));

const mail = program.command('mail').description('mails that did not go out');
mail
  .command('list')
  .description('list what waits and what was given up')
  .option('--json', 'as JSON')
  .action(inHouse(listMails));
mail.command('retry <id>').description('send one as soon as may be').action(inHouse(retryMail));

const sso = program.command('sso').description('sign-in by OpenID providers');
sso
  .command('list')
  .description('list the configured providers, and the callback to register at each')
  .option('--json', 'as JSON')
  .action((options) => listProviders(loadConfig(), options));
sso
  .command('doctor <provider>')
  .description('ask a provider, and tell what is right and wrong with it and what to register there')
  .action((id) => diagnoseProvider(loadConfig(), id));
sso
  .command('simulate <provider>')
  .description('read claims (JSON) from standard input, and tell what a sign-in with them would do; changes nothing')
  .option('--json', 'as JSON')
  .action(async (id, options) => withHouse(await prepareSimulation(loadConfig(), id, options)));

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

program
  .command('secrets')
  .description('what is sealed with SECRET_KEY')
  .command('rotate')
  .description('seal it with the present key, where the previous one did (SECRET_KEY_PREVIOUS)')
  .action(inHouse(rotateSecrets));

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
