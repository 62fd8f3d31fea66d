import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AccountEndingService } from '../account/account-ending.service.js';
import { ChangeEmailService } from '../account/change-email.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { ConfirmationService } from '../registration/confirmation.service.js';
import type { MailToken } from '../users/mail-token.entity.js';
import { MailTokensService } from '../users/mail-tokens.service.js';

/** What links at `/auth/link/` may be for; the reset has a page of its own (contract.md §5.3). */
export const LINK_PURPOSES = [
  'confirm_registration',
  'confirm_address',
  'undo_address',
  'cancel_deletion',
  'confirm_recovery',
  'stop_recovery',
] as const;
/** One of them. */
export type LinkPurpose = (typeof LINK_PURPOSES)[number];

/** A link that works, as its page tells of it. */
export interface LinkFacts {
  purpose: LinkPurpose;
  username: string;
  /** The address that it is about. */
  address: string | null;
  /** Whether a second factor is asked for. */
  needsFactor: boolean;
  /** Staff still has to let the person in afterwards. */
  isApprovalPending: boolean;
}

/** Does what links in mails are for: once, and only when asked to by a form (contract.md §5.3). */
@Injectable()
export class MailLinksService {
  constructor(
    private readonly tokens: MailTokensService,
    private readonly confirmations: ConfirmationService,
    private readonly emailChanges: ChangeEmailService,
    private readonly endings: AccountEndingService,
    private readonly recoveries: FactorRecoveryService,
    private readonly factors: SecondFactorService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * What a link would do; changes nothing, because mail scanners open links.
   * @throws Refusal `link_invalid`
   */
  async describe(token: string): Promise<LinkFacts> {
    return (await this.find(token)).facts;
  }

  /**
   * Does it, and answers what was done.
   * @throws Refusal `link_invalid`, `rejected` "Invalid code.", `throttled`
   */
  async use(token: string, code: string | undefined, client: ClientInfo): Promise<LinkFacts> {
    const { link, facts } = await this.find(token);
    if (facts.needsFactor) await this.factors.demand(link.userId, code ?? '', client);
    switch (facts.purpose) {
      case 'confirm_registration':
        await this.confirmations.confirm(link, client);
        break;
      case 'confirm_address':
        await this.emailChanges.confirm(link, client);
        break;
      case 'undo_address':
        await this.emailChanges.undo(link, client);
        break;
      case 'confirm_recovery':
        await this.recoveries.begin(link, client);
        break;
      case 'stop_recovery':
        await this.recoveries.stopByLink(link, client);
        break;
      case 'cancel_deletion':
        await this.cancelDeletion(link, client);
    }
    return facts;
  }

  private async cancelDeletion(link: MailToken, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      const isLive = await this.tokens.consume(link, tx);
      if (!isLive || !(await this.endings.cancelDeletion(link.userId, client, tx))) throw new Refusal('link_invalid');
    });
  }

  private async find(token: string): Promise<{ link: MailToken; facts: LinkFacts }> {
    const link = await this.tokens.find(token, LINK_PURPOSES);
    const purpose = LINK_PURPOSES.find((known) => known === link?.purpose);
    if (!link || !purpose || link.user.erasedAt !== null) throw new Refusal('link_invalid');
    const { username, approvalPending: isApprovalPending } = link.user;
    // Turned off meanwhile: then there is nothing to ask for.
    const needsFactor = link.needsFactor && (await this.factors.isOn(link.userId));
    return { link, facts: { purpose, username, address: link.address, needsFactor, isApprovalPending } };
  }
}
