import type { INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ValidationFailed } from '../common/errors.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService } from '../identities/identities.service.js';
import type { LinkedIdentity } from '../identities/linked-identity.entity.js';
import { RolesService } from '../identities/roles.service.js';
import { type ChallengeType, SecondFactorService } from '../mfa/second-factor.service.js';
import { valuesOf } from '../providers/claim-rules.js';
import { readPerson, type VouchedPerson } from '../providers/claims.js';
import { RegistrationService } from '../registration/registration.service.js';
import { judge, type Verdict } from '../sso/judge.js';
import { accountAtOnce, addressProblem, waitingPerson } from '../sso/newcomer.js';
import { accountBlock, type Blocked } from '../users/account-state.js';
import type { Role } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { type ClaimsInput, distrust } from './claims-input.js';
import { describeState } from './describe-user.js';

/** What would happen at a sign-in with such claims, and why. */
export interface Simulation {
  provider: string;
  identity: { issuer: string; subject: string };
  /** Why the provider's answer would not be trusted; nobody is then looked up. */
  distrust: string | null;
  /** What `allow` asks for, claim by claim. */
  allow: { claim: string; values: string[]; found: string[]; fulfilled: boolean }[];
  admitted: boolean;
  /** What the claims make of somebody among the staff. */
  role: Exclude<Role, 'user'> | null;
  second_factor: { acr: string | null; amr: readonly string[]; counts: boolean };
  /** Whose identity it is here. */
  account: KnownAccount | null;
  /** What somebody would become whose identity is nobody's. */
  newcomer: Newcomer | null;
}

/** Somebody here, as a sign-in by their identity would find them. */
export interface KnownAccount {
  username: string;
  state: string;
  block: Blocked | null;
  disabled_by_staff: boolean;
  role: Role;
  role_afterwards: Role;
  /** How they may answer when they are asked for a second factor; none is set up when empty. */
  challenges: ChallengeType[];
  asked_for_second_factor: boolean;
}

/** Somebody whom nobody here knows. */
export interface Newcomer {
  may_register: boolean;
  /** Whether the provider's people get accounts without choosing a name. */
  auto_register: boolean;
  /** Whether this one would. */
  at_once: boolean;
  name: string | null;
  /** What is wrong with that name. */
  name_problem: string | null;
  /** As the provider says it. */
  email: string | null;
  verified: boolean;
  /** Why a verified address would not be taken over. */
  email_problem: string | null;
  /** What else a registration would lack. */
  further_problems: string[];
  /** What the new account would wait for. */
  block: Blocked | null;
}

/** Goes through a sign-in with the decisions of a real one, and changes nothing. */
export async function simulateSignIn(
  house: INestApplicationContext,
  provider: SsoProviderConfig,
  input: ClaimsInput,
): Promise<Simulation> {
  const person = readPerson(input.idToken, input.userinfo);
  const verdict = judge(house.get(Config), provider, person);
  const mistrusted = distrust(input, provider);
  const identity = mistrusted === null ? await house.get(IdentitiesService).find(person) : null;
  const isUnknown = mistrusted === null && identity === null;
  return {
    provider: provider.id,
    identity: { issuer: person.issuer, subject: person.subject },
    distrust: mistrusted,
    allow: Object.entries(provider.allow).map(([claim, values]) => ({
      claim,
      values,
      found: valuesOf(person.claims, claim),
      fulfilled: !verdict.missing.includes(claim),
    })),
    admitted: verdict.missing.length === 0,
    role: verdict.role,
    second_factor: { acr: person.acr, amr: person.amr, counts: verdict.withSecondFactor },
    account: identity && (await meet(house, identity, verdict)),
    newcomer: isUnknown ? await welcome(house, provider, person, verdict) : null,
  };
}

async function meet(
  house: INestApplicationContext,
  identity: LinkedIdentity,
  { role, withSecondFactor }: Verdict,
): Promise<KnownAccount> {
  const { user } = identity;
  const challenges = await house.get(SecondFactorService).challengesOf(user.id);
  return {
    username: user.username,
    state: describeState(user),
    block: accountBlock(user),
    disabled_by_staff: user.disabledAt !== null && user.disabledByStaff,
    role: user.role,
    role_afterwards: await house.get(RolesService).roleWith(identity, user.role, role, house.get(DataSource).manager),
    challenges,
    asked_for_second_factor: !withSecondFactor && challenges.length > 0,
  };
}

async function welcome(
  house: INestApplicationContext,
  provider: SsoProviderConfig,
  vouched: VouchedPerson,
  verdict: Verdict,
): Promise<Newcomer> {
  const users = house.get(UsersService);
  const { wantedName: name } = verdict;
  const person = await waitingPerson(users, vouched, verdict);
  const wanted = accountAtOnce(house.get(Config), provider, person, name ?? '');
  const { problems, block } = await check(house.get(RegistrationService), wanted);
  const saidEmail = vouched.claims['email'];
  return {
    may_register: verdict.mayRegister,
    auto_register: provider.auto_register,
    at_once: verdict.registersItself && name !== null && problems.length === 0,
    name,
    name_problem: problems.find(({ field }) => field === 'username')?.description ?? null,
    email: vouched.email ?? (typeof saidEmail === 'string' ? saidEmail : null),
    verified: vouched.email !== null,
    email_problem: vouched.email === null ? null : await addressProblem(users, vouched.email),
    further_problems: problems
      .filter(({ field }) => field !== 'username')
      .map(({ field, description }) => `${field} ${description}`),
    block,
  };
}

async function check(registrations: RegistrationService, wanted: Parameters<RegistrationService['checkVouched']>[0]) {
  try {
    const { approvalPending = false, confirmationPending = false } = await registrations.checkVouched(wanted);
    const fresh = { disabledAt: null, deletionDueAt: null, passwordResetRequired: false };
    return { problems: [], block: accountBlock({ ...fresh, approvalPending, confirmationPending }) };
  } catch (error) {
    if (error instanceof ValidationFailed) return { problems: error.details, block: null };
    throw error;
  }
}
