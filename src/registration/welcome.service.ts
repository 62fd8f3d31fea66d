import { Injectable } from '@nestjs/common';
import { In, IsNull, Not, type EntityManager } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { NoticesService } from '../users/notices.service.js';
import { User } from '../users/user.entity.js';

/** Tells new people, and staff where staff decides, how it goes on (contract.md §5.1). */
@Injectable()
export class WelcomeService {
  constructor(private readonly notices: NoticesService) {}

  /** After registration, or after the address was confirmed where that is asked for. */
  async greet(userId: string, isApprovalPending: boolean, client: ClientInfo | null, tx: EntityManager): Promise<void> {
    if (!isApprovalPending) return this.notices.tell('welcome', userId, client, tx);
    await this.notices.tell('registration_waiting', userId, client, tx);
    const { registrationReason } = await tx.findOneByOrFail(User, { id: userId });
    for (const { email } of await staff(tx)) {
      const reason = registrationReason === null ? {} : { reason: registrationReason };
      await this.notices.tell('registration_to_review', userId, client, tx, { to: email, ...reason });
    }
  }
}

/** Who decides about registrations and can be written to. */
function staff(tx: EntityManager): Promise<User[]> {
  return tx.findBy(User, {
    role: In(['admin', 'moderator']),
    email: Not(IsNull()),
    disabledAt: IsNull(),
    deletionDueAt: IsNull(),
  });
}
