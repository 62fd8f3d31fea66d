import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { lockUser } from '../users/lock-user.js';
import { PasswordCheckService } from '../users/password-check.service.js';

/** Who wants to change how they sign in, and by which of their sessions. */
export interface StepUpCaller {
  id: string;
  username: string;
  sessionId: number;
}

/** Asks for more than an access token where it could have been stolen: a sign-in of minutes ago, or the password. */
@Injectable()
export class StepUpService {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Lets pass who has just signed in, or knows the password.
   * @throws Refusal `step_up_required`, `rejected` "Invalid password.", `throttled`
   */
  async demand(caller: StepUpCaller, password: string | undefined, client: ClientInfo): Promise<void> {
    if (password !== undefined) await this.passwords.demand(caller, password, client);
    else if (!(await this.isFresh(caller.sessionId))) throw new Refusal('step_up_required');
  }

  /**
   * Holds the caller's row until the transaction ends, if their session still lives: what ends sessions takes the row
   * first, and is either done or has to wait.
   * @throws Refusal `token_invalid`
   */
  async hold({ id, sessionId }: StepUpCaller, tx: EntityManager): Promise<void> {
    await lockUser(id, tx);
    const rows = await tx.query('select id from session where id = $1 and user_id = $2 and revoked_at is null', [
      sessionId,
      id,
    ]);
    if (rows.length === 0) throw new Refusal('token_invalid');
  }

  /**
   * Whether a session began by a sign-in no older than `security.step_up_window`. Refreshes do not make it younger, nor
   * does a browser that was signed in long ago and goes on for another app.
   */
  async isFresh(sessionId: number): Promise<boolean> {
    const [row] = await this.dataSource.query(
      'select signed_in_at > now() - make_interval(secs => $2) as "isFresh" from session where id = $1',
      [sessionId, this.config.security.step_up_window],
    );
    return row?.isFresh === true;
  }
}
