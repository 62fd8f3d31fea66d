import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { looksLikeSecret, randomSecret, sha256 } from '../common/secrets.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import type { User } from '../users/user.entity.js';
import { MfaChallenge } from './mfa-challenge.entity.js';

/** How long a challenge lives (contract.md §2.6). */
const LIFETIME = `interval '300 seconds'`;

/** The wrong code that ends it (contract.md §1.1). */
const MOST_ATTEMPTS = 5;

/** What the code of an answered challenge opens. */
export interface AnsweredChallenge {
  userId: string;
  scope: string;
  credentialEpoch: number;
}

/** Keeps password grants that wait for the second factor, each for one client program. */
@Injectable()
export class MfaChallengesService {
  private readonly log = new Logger(MfaChallengesService.name);

  constructor(
    @InjectRepository(MfaChallenge) private readonly rows: Repository<MfaChallenge>,
    private readonly factors: SecondFactorService,
  ) {}

  /** The `mfa_token` of a grant whose password was right. */
  async open(user: User, applicationId: number, scope: string): Promise<string> {
    const token = randomSecret();
    await this.rows.query(
      `insert into mfa_challenge (hash, user_id, application_id, scope, credential_epoch, expires_at)
       values ($1, $2, $3, $4, $5, now() + ${LIFETIME})`,
      [sha256(token), user.id, applicationId, scope, user.credentialEpoch],
    );
    return token;
  }

  /**
   * Answers a challenge of this client; null when it is none, is over, or the code is wrong. A token survives wrong codes,
   * because frontends send it again, and dies with success or the fifth wrong one (contract.md §2.6).
   * @throws Refusal `throttled`
   */
  async answer(
    { token, type, code }: { token: string; type: string; code: string },
    applicationId: number,
    client: ClientInfo,
  ): Promise<AnsweredChallenge | null> {
    if (!looksLikeSecret(token)) return null;
    const found = await this.findLive(token, applicationId);
    if (!found) return null;
    // What is throttled is no attempt.
    await this.factors.demandBudget(found.userId);
    if (!(await this.countAttempt(token))) return null;
    const isRight =
      type !== 'webauthn' && (await this.factors.check(found.userId, { type, value: code }, client, applicationId));
    if (!isRight) return null;
    const [spent] = await this.rows.query('delete from mfa_challenge where hash = $1 returning hash', [sha256(token)]);
    return spent.length === 1 ? found : null;
  }

  /** What waits, for the client whose it is; none when the account's password counts no more. */
  private async findLive(token: string, applicationId: number): Promise<AnsweredChallenge | null> {
    const [row] = await this.rows.query(
      `select c.user_id as "userId", c.scope, c.credential_epoch as "credentialEpoch"
       from mfa_challenge c join "user" u on u.id = c.user_id and u.credential_epoch = c.credential_epoch
       where c.hash = $1 and c.application_id = $2 and c.expires_at > now() and c.failed_attempts < ${MOST_ATTEMPTS}`,
      [sha256(token), applicationId],
    );
    return row ?? null;
  }

  /** Counts one answer, before it is looked at; false when that was one too many. */
  private async countAttempt(token: string): Promise<boolean> {
    const [counted] = await this.rows.query(
      `update mfa_challenge set failed_attempts = failed_attempts + 1
       where hash = $1 and failed_attempts < ${MOST_ATTEMPTS} returning hash`,
      [sha256(token)],
    );
    return counted.length === 1;
  }

  /** Ended ones go within the hour (contract.md §1.2). */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.rows.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Ended challenges could not be purged now');
    }
  }
}
