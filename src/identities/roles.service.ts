import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { endStaffAccess } from '../sessions/end-access.js';
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
    const { own, role } = await this.weigh(identity, user.role, given, tx);
    await tx.update(LinkedIdentity, { userId }, { ownRole: own });
    await tx.update(LinkedIdentity, { id }, { grantedRole: given });
    if (role === user.role) return;
    await tx.query('update "user" set role = $2 where id = $1', [userId, role]);
    if (role === 'user') await endStaffAccess(tx, userId);
    await this.audit.record({ type: 'account.role_changed', userId }, client, tx);
  }

  /** What a person's present role becomes when an identity of theirs gives that one; changes nothing. */
  async roleWith(identity: LinkedIdentity, present: Role, given: Role | null, tx: EntityManager): Promise<Role> {
    return given === identity.grantedRole ? present : (await this.weigh(identity, present, given, tx)).role;
  }

  /** The highest of what a person's identities give and what is their own: an operator's doing. */
  private async weigh(
    identity: LinkedIdentity,
    present: Role,
    given: Role | null,
    tx: EntityManager,
  ): Promise<{ own: Role; role: Role }> {
    const linked = await tx.findBy(LinkedIdentity, { userId: identity.userId });
    const others = linked.filter(({ id }) => id !== identity.id);
    const granting = [identity, ...others].filter(({ grantedRole }) => grantedRole !== null);
    const before = granting.flatMap(({ grantedRole, ownRole }) => [grantedRole, ownRole]);
    // Without a grant, or when an operator has decided since the last one, the present role is their own.
    const own = granting.length > 0 && present === highest(before) ? (granting[0]?.ownRole ?? 'user') : present;
    return { own, role: highest([own, given, ...others.map(({ grantedRole }) => grantedRole)]) };
  }
}

function highest(roles: readonly (Role | null)[]): Role {
  return roles.reduce<Role>((best, role) => (role && RANKS.indexOf(role) > RANKS.indexOf(best) ? role : best), 'user');
}
