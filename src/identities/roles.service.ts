import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { endSessions } from '../sessions/end-sessions.js';
import { lockUser } from '../users/lock-user.js';
import type { Role } from '../users/user.entity.js';
import { LinkedIdentity } from './linked-identity.entity.js';

/** By how much each role may do. */
const RANKS: readonly Role[] = ['user', 'moderator', 'admin'];

/** Makes staff of whom a provider's claims say so, and takes back what such claims gave; what an operator gave stays. */
@Injectable()
export class RolesService {
  constructor(private readonly audit: AuditService) {}

  /** Brings a person's role in line with what an identity of theirs gives now. */
  async apply(
    identity: LinkedIdentity,
    given: Role | null,
    client: ClientInfo | null,
    tx: EntityManager,
  ): Promise<void> {
    const { id, userId } = identity;
    if (given === identity.grantedRole) return;
    const user = await lockUser(userId, tx);
    if (!user) return;
    await tx.update(LinkedIdentity, { id }, { grantedRole: given });
    const role = await this.roleWith(identity, user.role, given, tx);
    if (role === user.role) return;
    await tx.query('update "user" set role = $2 where id = $1', [userId, role]);
    // What only staff is granted must not outlive being staff (contract.md §0.5).
    if (role === 'user') await endSessions(tx, `user_id = $1 and scope ~ '(^| )admin'`, [userId]);
    await this.audit.record({ type: 'account.role_changed', userId }, client, tx);
  }

  /** What a person's present role becomes when an identity of theirs gives that one; changes nothing. */
  async roleWith(
    { id, userId, grantedRole }: LinkedIdentity,
    present: Role,
    given: Role | null,
    tx: EntityManager,
  ): Promise<Role> {
    if (given === grantedRole) return present;
    const wasGranted = grantedRole !== null && present === grantedRole;
    const floor = wasGranted ? await this.otherGrant(id, userId, tx) : present;
    return higher(floor, given ?? 'user');
  }

  /** The highest role that further identities of the person give. */
  private async otherGrant(id: string, userId: string, tx: EntityManager): Promise<Role> {
    const others = await tx.findBy(LinkedIdentity, { userId });
    return others
      .filter((identity) => identity.id !== id)
      .reduce<Role>((role, { grantedRole }) => higher(role, grantedRole ?? 'user'), 'user');
  }
}

function higher(a: Role, b: Role): Role {
  return RANKS.indexOf(a) >= RANKS.indexOf(b) ? a : b;
}
