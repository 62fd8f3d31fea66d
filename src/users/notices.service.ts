import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import type { Facts, TemplateName } from '../letters/letter.js';
import { MailService } from '../mail/mail.service.js';
import { User } from './user.entity.js';

/** What a notice tells besides when, from where and with which device. */
export interface NoticeDetails extends Pick<
  Facts,
  'app' | 'address' | 'until' | 'reason' | 'by' | 'factor' | 'left' | 'provider' | 'counts'
> {
  /** The client program, where only its id is at hand. */
  applicationId?: number | null;
  /** Another recipient than the address on file. */
  to?: string | null;
  /** Of the letter's link. */
  token?: string;
}

/** Tells people by mail what happened to their account, in the transaction in which it happens. */
@Injectable()
export class NoticesService {
  constructor(private readonly mail: MailService) {}

  /** Writes one notice; an account without an address gets none. */
  async tell(
    template: TemplateName,
    userId: string,
    client: ClientInfo | null,
    tx: EntityManager,
    { to, token, applicationId = null, ...more }: NoticeDetails = {},
  ): Promise<void> {
    const user = await tx.findOneBy(User, { id: userId });
    if (!user) return;
    const circumstances = {
      at: new Date().toISOString(),
      ip: client?.ip ?? null,
      userAgent: client?.userAgent ?? null,
    };
    const [app] =
      applicationId === null ? [] : await tx.query('select name from application where id = $1', [applicationId]);
    const recipient = to === undefined ? user.email : to;
    const facts: Facts = { username: user.username, ...circumstances, ...(app && { app: app.name }), ...more };
    await this.mail.send({ template, to: recipient, userId, facts, ...(token !== undefined && { token }) }, tx);
  }
}
