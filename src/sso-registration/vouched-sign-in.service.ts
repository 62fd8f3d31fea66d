import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { BrowserStep } from '../auth/browser-step.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal } from '../common/errors.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService, type Subject } from '../identities/identities.service.js';
import type { LinkedIdentity } from '../identities/linked-identity.entity.js';
import { RolesService } from '../identities/roles.service.js';
import { SsoSessionsService } from '../identities/sso-sessions.service.js';
import type { AuthorizationRequest } from '../oauth/authorization-request.js';
import { User } from '../users/user.entity.js';
import type { WaitingPerson } from './sso-registration.entity.js';

/** What a sign-in by an identity needs to know of it. */
export type Voucher = Subject & Pick<WaitingPerson, 'providerSessionId' | 'issuedAt' | 'role'>;

/** Somebody whose identity has been proved, and the provider's part in it. */
interface Recognised {
  user: User;
  ssoSessionId: string;
  withSecondFactor: boolean;
  isNewcomer: boolean;
}

/** Gives an identity that nobody has to somebody, and tells what else that has proved. */
export type Settle = (tx: EntityManager) => Promise<Pick<Recognised, 'withSecondFactor' | 'isNewcomer'>>;

/** How an identity is taken. */
interface Taking {
  /** The provider has seen a second factor. */
  withSecondFactor?: boolean;
  /** What is done for an identity that nobody has. */
  settle?: Settle;
  /** Only that is wanted: who has chosen or proved an account does not become somebody else meanwhile. */
  mustSettle?: boolean;
}

/** Signs in by an identity that somebody here has, or that has just been given to them. */
@Injectable()
export class VouchedSignInService {
  constructor(
    private readonly identities: IdentitiesService,
    private readonly roles: RolesService,
    private readonly ssoSessions: SsoSessionsService,
    private readonly signIns: SignInService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Signs in whoever has the identity; if nobody has, `settle` may give it to somebody, in the same transaction. Two at
   * once are one after the other. What `settle` has seen of a second factor counts only for whom it has given it to.
   * @returns null when nobody has it, or somebody has it who must not
   */
  async signIn(
    voucher: Voucher,
    request: AuthorizationRequest,
    client: ClientInfo,
    { withSecondFactor = false, settle, mustSettle = false }: Taking,
  ): Promise<BrowserStep | null> {
    const recognised = await this.dataSource.transaction(async (tx): Promise<Recognised | null> => {
      await this.identities.hold(voucher, tx);
      const known = await this.identities.findHeld(voucher, tx);
      if (known && mustSettle) return null;
      const settled = known ? null : await settle?.(tx);
      const identity = settled ? await this.identities.find(voucher, tx) : known;
      if (!identity) return null;
      const noted = await this.note(identity, voucher, client, tx);
      return { ...noted, ...(settled ?? { withSecondFactor, isNewcomer: false }) };
    });
    if (!recognised) return null;
    const { user, ...proved } = recognised;
    return this.signIns.complete(user, request, client, proved);
  }

  /**
   * Gives an identity that nobody has to somebody who was here before, within `settle`.
   * @throws AuthorizationRefusal when they have another identity at that provider
   */
  async give(
    voucher: Voucher,
    userId: string,
    provider: SsoProviderConfig,
    request: AuthorizationRequest,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<void> {
    if (await this.identities.link(userId, voucher, provider, client, tx)) return;
    const sentence = `This account is linked to another identity at ${provider.name} already`;
    throw new AuthorizationRefusal('invalid_request', sentence, request.parameters);
  }

  /** Makes an account by `write`, and gives it an identity that nobody has, within `settle`. */
  async makeFor(
    voucher: Voucher,
    write: (tx: EntityManager) => Promise<string>,
    provider: SsoProviderConfig,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<void> {
    await this.identities.link(await write(tx), voucher, provider, client, tx, { isNewcomer: true });
  }

  private async note(
    identity: LinkedIdentity,
    { role, ...vouched }: Voucher,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<Pick<Recognised, 'user' | 'ssoSessionId'>> {
    await this.roles.apply(identity, role, client, tx);
    await this.identities.noteUse(identity.id, tx);
    const ssoSessionId = await this.ssoSessions.begin(identity.id, vouched, tx);
    const user = await tx.findOneByOrFail(User, { id: identity.userId });
    return { user, ssoSessionId };
  }
}
