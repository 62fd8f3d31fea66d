import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AccountEndingService } from '../account/account-ending.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal } from '../common/errors.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { UsersService } from '../users/users.service.js';
import type { BrowserStep } from './browser-step.js';
import { PendingSignInsService } from './pending-sign-ins.service.js';
import { SignInService } from './sign-in.service.js';

const EXPIRED = 'Please sign in again';

/** Brings an account back that its owner disabled or deleted, in the browser where they have just proved who they are. */
@Injectable()
export class ReactivationService {
  constructor(
    private readonly pending: PendingSignInsService,
    private readonly requests: AuthorizationRequests,
    private readonly endings: AccountEndingService,
    private readonly users: UsersService,
    private readonly signIns: SignInService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Reactivates and goes on as a completed sign-in (contract.md §3.9).
   * @throws AuthorizationRefusal `invalid_grant`; OAuth parameters only for the browser that began
   */
  async reactivate(token: string, cookie: string | undefined, client: ClientInfo): Promise<BrowserStep> {
    const found = await this.pending.find(token, cookie, 'reactivation');
    if (!found) throw new AuthorizationRefusal('invalid_grant', EXPIRED, {});
    // Before anything changes: the client may be gone.
    const request = await this.requests.read(found.parameters, { takesDefaults: false });
    await this.dataSource.transaction(async (tx) => {
      const isFirst = await this.pending.consume(found, tx);
      if (!isFirst || !(await this.endings.reactivate(found.userId, client, tx))) {
        throw new AuthorizationRefusal('invalid_grant', EXPIRED, found.parameters);
      }
    });
    const user = await this.users.find(found.userId);
    if (!user) throw new AuthorizationRefusal('invalid_grant', EXPIRED, found.parameters);
    // The epoch of the password check, not today's: a password changed meanwhile ends this sign-in as well.
    const proved = { ...user, credentialEpoch: found.credentialEpoch };
    // This step comes after the second factor, where there is one.
    const step = await this.signIns.complete(proved, request, client, {
      withSecondFactor: true,
      ssoSessionId: found.ssoSessionId,
    });
    return { ...step, step: step.step ?? 'end' };
  }
}
