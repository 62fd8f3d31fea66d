import { Injectable } from '@nestjs/common';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { type DataSource, type EntityManager, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { isSameIssuer, providerOf } from '../providers/provider.js';
import { endUnfinishedSignIns } from '../sessions/end-access.js';
import { lockUser } from '../users/lock-user.js';
import { NoticesService } from '../users/notices.service.js';
import { LinkedIdentity } from './linked-identity.entity.js';
import { RolesService } from './roles.service.js';

/** Who somebody is at a provider. */
export interface Subject {
  issuer: string;
  subject: string;
}

/** Knows which identities at providers are which person here; an e-mail address never links or finds one (security.md R94). */
@Injectable()
export class IdentitiesService {
  constructor(
    @InjectRepository(LinkedIdentity) private readonly identities: Repository<LinkedIdentity>,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly roles: RolesService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** The identity with its person, or null. */
  find({ issuer, subject }: Subject, tx: EntityManager = this.identities.manager): Promise<LinkedIdentity | null> {
    return tx.findOne(LinkedIdentity, { where: { issuer, subject }, relations: { user: true } });
  }

  /** The identity as it is now, held with its person until the transaction ends: it is neither unlinked nor erased meanwhile. */
  async findHeld(subject: Subject, tx: EntityManager): Promise<LinkedIdentity | null> {
    const found = await this.find(subject, tx);
    // What ends an identity holds its person first: it is done, or waits from here on.
    return found && (await lockUser(found.userId, tx)) ? this.find(subject, tx) : null;
  }

  /** Holds everything about one identity until the transaction ends, whether it is known or not: two at once make one account. */
  async hold({ issuer, subject }: Subject, tx: EntityManager): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`identity ${issuer} ${subject}`]);
  }

  /** Notes that somebody signs in by it. */
  async noteUse(id: string, tx: EntityManager): Promise<void> {
    await tx.query('update linked_identity set last_used_at = now() where id = $1', [id]);
  }

  /** The identities of a person, also of providers that are not configured any more. */
  list(userId: string): Promise<LinkedIdentity[]> {
    return this.identities.find({ where: { userId }, order: { createdAt: 'ASC' } });
  }

  /** The providers by which a person can sign in, by name (contract.md §3.8.3). */
  async providersOf(userId: string): Promise<SsoProviderConfig[]> {
    const providers = (await this.list(userId)).map(({ issuer }) => providerOf(this.config, issuer));
    return providers.filter((provider) => provider !== null).sort((a, b) => a.name.localeCompare(b.name));
  }

  /**
   * Links an identity to a person, and tells them unless their account was made with it; false when it is somebody's already, or they have another one at that
   * provider (contract.md §3.7, *Link flow*).
   */
  async link(
    userId: string,
    { issuer, subject }: Subject,
    provider: SsoProviderConfig,
    client: ClientInfo,
    tx: EntityManager,
    { isNewcomer = false } = {},
  ): Promise<boolean> {
    await lockUser(userId, tx);
    const [row] = await tx.query(
      `insert into linked_identity (id, user_id, issuer, subject) values ($1, $2, $3, $4) on conflict do nothing returning id`,
      [uuidv7(), userId, issuer, subject],
    );
    if (!row) return false;
    await endUnfinishedSignIns(tx, userId);
    await this.audit.record({ type: 'sso.linked', userId }, client, tx);
    if (!isNewcomer) await this.notices.tell('identity_linked', userId, client, tx, { provider: provider.name });
    return true;
  }

  /**
   * Unlinks; a sign-in by that identity that is under way fails.
   * @throws Refusal `rejected` when the person could not sign in any more, `record_not_found`
   */
  async unlink(userId: string, provider: SsoProviderConfig, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      // Two at once, of two providers, must not each rely on the other.
      const user = await lockUser(userId, tx);
      const linked = await tx.findBy(LinkedIdentity, { userId });
      const identity = linked.find(({ issuer }) => isSameIssuer(issuer, provider.issuer));
      if (!user || !identity) throw notLinked();
      const others = linked.filter(({ id, issuer }) => id !== identity.id && providerOf(this.config, issuer) !== null);
      const mayUsePassword = user.passwordHash !== null && !this.config.sso.forced;
      if (others.length === 0 && !mayUsePassword && !(await hasPasskey(userId, tx))) {
        throw new Refusal('rejected', 'This is your only way to sign in. Set a password first.');
      }
      await tx.delete(LinkedIdentity, { id: identity.id });
      await tx.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [userId]);
      await endUnfinishedSignIns(tx, userId);
      await this.roles.apply(identity, null, client, tx);
      await this.audit.record({ type: 'sso.unlinked', userId }, client, tx);
      await this.notices.tell('identity_unlinked', userId, client, tx, { provider: provider.name });
    });
  }
}

/** What is answered for a provider that a person is not linked to (contract.md §3.8.4). */
export function notLinked(): Refusal {
  return new Refusal('record_not_found', 'Account not found or is not linked to this issuer');
}

/** A passkey signs in without a password. */
async function hasPasskey(userId: string, tx: EntityManager): Promise<boolean> {
  const [row] = await tx.query('select exists (select from passkey where user_id = $1) as "hasPasskey"', [userId]);
  return row.hasPasskey;
}
