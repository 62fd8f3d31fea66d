import type { SsoProviderConfig } from '../config/sso-config.js';
import type { Blocked } from '../users/account-state.js';
import type { KnownAccount, Newcomer, Simulation } from './sign-in-simulation.js';

/** How a sign-in would end, for programs and for people. */
export interface Outcome {
  code: 'refused' | 'signed_in' | 'second_factor' | 'stopped' | 'account_made' | 'choose_name';
  sentence: string;
}

/** How a simulated sign-in would end. */
export function outcomeOf({ distrust, admitted, account, newcomer }: Simulation): Outcome {
  if (distrust !== null) return refused(`the answer of the provider could not be trusted, because ${distrust}`);
  if (!admitted) return refused('the provider does not admit them to this instance');
  if (account) return outcomeOfKnown(account);
  if (!newcomer?.may_register)
    return refused('they have no account here, and nobody new may register by this provider');
  if (!newcomer.at_once)
    return { code: 'choose_name', sentence: `They would be asked to choose a name: ${why(newcomer)}` };
  const then = newcomer.block === null ? 'signed in' : STOPS[newcomer.block];
  return { code: 'account_made', sentence: `They would get the account ${newcomer.name} at once, and be ${then}` };
}

/** The simulation in lines, the outcome last. */
export function describeSimulation(simulation: Simulation, provider: SsoProviderConfig): string[] {
  const { identity, role, account, newcomer } = simulation;
  const lines: [string, string][] = [
    ['Identity', `${identity.subject} of ${identity.issuer}`],
    ['Admission', describeAdmission(simulation)],
    ['Role', role === null ? 'none by the claims' : `${role}, by roles.${role}`],
    ['Second factor', describeSecondFactor(simulation, provider)],
    ...(account ? describeAccount(account) : []),
    ...(newcomer ? describeNewcomer(newcomer) : []),
    ['Outcome', outcomeOf(simulation).sentence],
  ];
  return lines.map(([label, text]) => `${(label && `${label}:`).padEnd(15)} ${text}`);
}

/** What somebody is told or led to whose account cannot be used now, after "they would be". */
const STOPS: Record<Blocked, string> = {
  deleted: 'asked whether they take the deletion back',
  account_is_disabled: 'asked whether they use the account again',
  missing_confirmed_email: 'told to open the link that confirms their address',
  awaiting_approval: 'told that they await approval',
  password_reset_required: 'led to choose a new password',
};

function refused(reason: string): Outcome {
  return { code: 'refused', sentence: `They would be refused: ${reason}` };
}

function outcomeOfKnown(account: KnownAccount): Outcome {
  const { username, block, disabled_by_staff: isForGood, asked_for_second_factor: isAsked } = account;
  const end =
    block === null ? 'signed in' : isForGood ? 'refused, because staff has disabled the account' : STOPS[block];
  if (isAsked) {
    return { code: 'second_factor', sentence: `${username} would be asked for a second factor, then ${end}` };
  }
  return { code: block === null ? 'signed_in' : 'stopped', sentence: `${username} would be ${end}` };
}

function describeAdmission({ allow, admitted }: Simulation): string {
  if (allow.length === 0) return 'everybody is let in: allow names no claims';
  const claims = allow.map(({ claim, values, found, fulfilled }) =>
    fulfilled
      ? `${claim} has ${list(found.filter((value) => values.includes(value)))}`
      : `${claim} has ${list(found)} and would need one of ${list(values)}`,
  );
  return `${admitted ? 'let in' : 'not let in'}: ${claims.join('; ')}`;
}

function describeSecondFactor(
  { second_factor: { acr, amr, counts } }: Simulation,
  { mfa_acr, mfa_amr }: SsoProviderConfig,
): string {
  const proof = `acr ${acr ?? 'nothing'}, amr ${list(amr)}`;
  return counts
    ? `the provider's counts here: ${proof}`
    : `the provider's does not count here: ${proof}; mfa_acr has ${list(mfa_acr)}, mfa_amr ${list(mfa_amr)}`;
}

function describeAccount(account: KnownAccount): [string, string][] {
  const { username, state, role, role_afterwards: next, challenges, asked_for_second_factor: isAsked } = account;
  const factors = challenges.length === 0 ? 'none is set up here' : `set up here (${list(challenges)})`;
  return [
    ['Account', `${username}, ${state}, ${next === role ? role : `${role}, who would become ${next}`}`],
    ['', `second factor ${factors}: ${isAsked ? 'would be asked for' : 'would not be asked for'}`],
  ];
}

function describeNewcomer(newcomer: Newcomer): [string, string][] {
  const { may_register: isOpen, auto_register: isAutomatic, name, name_problem: problem } = newcomer;
  const registration = isOpen
    ? `open; ${isAutomatic ? 'at once where nothing stands against it (auto_register)' : 'they choose a name (auto_register is off)'}`
    : 'closed to who has no account (registrations)';
  return [
    ['Account', 'this identity is nobody’s here'],
    ['Registration', registration],
    ['Name', name === null ? NO_NAME : `${name} ${problem ?? 'is free and allowed'}`],
    ['Address', describeAddress(newcomer)],
  ];
}

const NO_NAME = 'none: there is neither preferred_username nor a verified address';

function describeAddress({ email, verified: isVerified, email_problem: problem }: Newcomer): string {
  if (email === null) return 'none';
  if (!isVerified)
    return `${email} is left aside: the provider does not say that it is verified (email_verified: true)`;
  return problem === null ? `${email} is verified and free` : `${email} is verified, but left aside: it ${problem}`;
}

function why({ auto_register: isAutomatic, name, name_problem, further_problems }: Newcomer): string {
  if (!isAutomatic) return 'auto_register is off';
  const ofName = name === null ? 'nothing gives a name' : name_problem === null ? null : `${name} ${name_problem}`;
  return [...(ofName === null ? [] : [ofName]), ...further_problems].join(', ');
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'nothing' : words.join(', ');
}
