import { text } from 'node:stream/consumers';
import type { INestApplicationContext } from '@nestjs/common';
import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { backChannelLogoutUrl, callbackUrl, findProvider, postLogoutUrl } from '../providers/provider.js';
import { readClaimsInput } from './claims-input.js';
import { consultProvider } from './consult-provider.js';
import { describeSimulation, outcomeOf } from './describe-simulation.js';
import { Mistake } from './mistake.js';
import { simulateSignIn } from './sign-in-simulation.js';
import { say, warn } from './terminal.js';

/** Lists the configured providers, and what to register at each. */
export function listProviders(config: Config, { json }: { json?: true }): void {
  const providers = config.sso.providers.map((provider) => {
    const { id, name, issuer } = provider;
    return { id, name, issuer, callback: callbackUrl(config, provider) };
  });
  if (json) say(JSON.stringify(providers, null, 2));
  else if (providers.length === 0) say('No provider is configured (sso.providers).');
  // oxlint-disable-next-line no-console -- a table for a person is what was asked for
  else console.table(providers);
}

/**
 * Asks a provider, and tells what is right and wrong with it and what to register there.
 * @throws Mistake when people could not sign in by it
 */
export async function diagnoseProvider(config: Config, id: string): Promise<void> {
  const provider = configured(config, id);
  const findings = await consultProvider(provider);
  say(...findings.map(({ mark, sentence }) => `${mark.padEnd(8)} ${plain(sentence)}`));
  say(
    '',
    `To register at ${provider.name}:`,
    `  redirect URI             ${callbackUrl(config, provider)}`,
    `  post-logout redirect URI ${postLogoutUrl(config)}`,
    `  back-channel logout URI  ${backChannelLogoutUrl(config, provider)}`,
  );
  if (findings.some(({ mark }) => mark === 'trouble')) {
    throw new Mistake(`Nobody can sign in by ${id} until what is marked trouble is mended`);
  }
}

/**
 * Reads what a provider might say of somebody; what is answered then tells, within the house, what a sign-in would do.
 * @throws Mistake
 */
export async function prepareSimulation(
  config: Config,
  id: string,
  { json }: { json?: true },
  input: NodeJS.ReadableStream = process.stdin,
): Promise<(house: INestApplicationContext) => Promise<void>> {
  const provider = configured(config, id);
  if (input === process.stdin && process.stdin.isTTY) warn('Type the claims as JSON, then Ctrl-D.');
  const claims = readClaimsInput(await text(input), provider);
  return async (house) => {
    const simulation = await simulateSignIn(house, provider, claims);
    if (json) say(JSON.stringify({ ...simulation, outcome: outcomeOf(simulation) }, null, 2));
    else say(...describeSimulation(simulation, provider).map(plain));
  };
}

function configured(config: Config, id: string): SsoProviderConfig {
  const provider = findProvider(config, id);
  if (provider) return provider;
  const ids = config.sso.providers.map((known) => known.id);
  throw new Mistake(
    ids.length === 0
      ? `There is no provider ${id}: none is configured (sso.providers)`
      : `There is no provider ${id}: configured are ${ids.join(', ')}`,
  );
}

/** What others have written must not drive the terminal. */
function plain(line: string): string {
  return line.replace(/\p{Cc}/gu, ' ').slice(0, 2000);
}
