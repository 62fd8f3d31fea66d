import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { type DataSource, type EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { openWithEither } from '../common/secret-keys.js';
import { looksLikeSecret, randomSecret, seal, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { type Grant, GRANT_PARAMETER, NEXT_SESSION_ID } from '../sessions/issue-session.js';
import { endSessions } from '../sessions/end-sessions.js';
import { NoticesService } from '../users/notices.service.js';
import { USER_IS_ACTIVE } from '../users/account-state.js';
import { AuthorizationCode } from './authorization-code.entity.js';

/** A code waits this long for consent (contract.md §3.3.2)… */
export const PENDING = `interval '10 minutes'`;
/** …lives this long once approved (contract.md §2.5.1)… */
const APPROVED = `interval '60 seconds'`;
/** …or this long when it is born live (contract.md §3.5.4). */
export const LIVE = `interval '5 minutes'`;

/** The failed attempt of the right client that kills a code. */
const FATAL_ATTEMPT = 5;

const PURPOSE = 'authorization code';

/** What a code is made for. */
export type NewCode = Pick<
  AuthorizationCode,
  'userId' | 'applicationId' | 'browserSessionId' | 'redirectUri' | 'scope' | 'state' | 'codeChallenge'
>;

/** A code, and the columns that stand for it. */
export interface MintedCode extends Pick<AuthorizationCode, 'hash' | 'sealedCode'> {
  code: string;
  /** Born approved (contract.md §3.5.4). */
  isLive: boolean;
}

/** What a client shows to redeem a code. */
export interface Redemption {
  code: string;
  applicationId: number;
  redirectUri: string;
  /** What its verifier answers; null when it sent none. */
  challenge: string | null;
}

/** Keeps authorization codes: inert until consent, redeemed once, and never again without consequences. */
@Injectable()
export class AuthorizationCodesService {
  private readonly log = new Logger(AuthorizationCodesService.name);

  constructor(
    @InjectRepository(AuthorizationCode) private readonly codes: Repository<AuthorizationCode>,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly audit: AuditService,
    private readonly notices: NoticesService,
    private readonly config: Config,
  ) {}

  /** A new code and how it is stored, for a statement that writes it among other things. */
  mint(): MintedCode {
    const code = randomSecret();
    const sealedCode = seal(Buffer.from(code), this.config.secretKey, PURPOSE);
    return { code, hash: sha256(code), sealedCode, isLive: this.config.oauth.live_consent_code };
  }

  /** Makes a code that waits for consent. */
  async open(wanted: NewCode, tx: EntityManager): Promise<string> {
    const { code, hash, sealedCode, isLive } = this.mint();
    await tx
      .createQueryBuilder()
      .insert()
      .into(AuthorizationCode)
      .values({
        ...wanted,
        hash,
        sealedCode,
        approvedAt: isLive ? () => 'now()' : null,
        expiresAt: () => `now() + ${isLive ? LIVE : PENDING}`,
      })
      .execute();
    return code;
  }

  /** The unredeemed, unexpired code of that value, or null. */
  findLive(code: string): Promise<AuthorizationCode | null> {
    if (!looksLikeSecret(code)) return Promise.resolve(null);
    return this.live()
      .andWhere('c.hash = :hash', { hash: sha256(code) })
      .getOne();
  }

  /** The newest code of a browser session for one client and redirect URI, for consent forms that send none. */
  findNewest(browserSessionId: string, clientId: string, redirectUri: string): Promise<AuthorizationCode | null> {
    return this.live()
      .andWhere('c.browser_session_id = :browserSessionId and c.redirect_uri = :redirectUri', {
        browserSessionId,
        redirectUri,
      })
      .andWhere('c.application_id = (select id from application where client_id = :clientId)', { clientId })
      .orderBy('c.created_at', 'DESC')
      .limit(1)
      .getOne();
  }

  /** The value of a code that we made. */
  reveal({ sealedCode }: AuthorizationCode): string | null {
    return openWithEither(sealedCode, this.config, PURPOSE)?.toString() ?? null;
  }

  /**
   * Brings a code to life, once; a repeated approval changes nothing, and is told from the first. Null when it was
   * redeemed, has ended or expired meanwhile.
   */
  async approve({ hash }: AuthorizationCode, scope: string, tx: EntityManager): Promise<{ isFirst: boolean } | null> {
    const [rows] = await tx.query(
      `update authorization_code set scope = case when approved_at is null then $2 else scope end,
         expires_at = case when approved_at is null then now() + ${APPROVED} else expires_at end,
         approved_at = coalesce(approved_at, now())
       where hash = $1 and redeemed_at is null and expires_at > now() returning approved_at = now() as "isFirst"`,
      [hash, scope],
    );
    return rows[0] ?? null;
  }

  /** Ends a code that was not redeemed yet; false when somebody was faster. */
  async deny({ hash }: AuthorizationCode, tx: EntityManager): Promise<boolean> {
    const [rows] = await tx.query(
      'delete from authorization_code where hash = $1 and redeemed_at is null returning hash',
      [hash],
    );
    return rows.length === 1;
  }

  /** Spending a code as a grant: one update that repeats every condition (RFC 6749 §4.1.3). */
  redemption({ code, applicationId, redirectUri, challenge }: Redemption): Grant {
    const [hash, application, uri, answer] = [0, 1, 2, 3].map((offset) => `$${GRANT_PARAMETER + offset}`);
    return {
      name: 'authorization_code',
      sql: `update authorization_code c set redeemed_at = now(), session_id = ${NEXT_SESSION_ID}
        from "user" u, browser_session b
        where c.hash = ${hash} and c.application_id = ${application} and c.redirect_uri = ${uri}
          and c.code_challenge is not distinct from ${answer}
          and c.approved_at is not null and c.redeemed_at is null and c.expires_at > now()
          and c.failed_attempts < ${FATAL_ATTEMPT} and u.id = c.user_id and ${USER_IS_ACTIVE}
          and b.id = c.browser_session_id
        returning c.session_id, c.user_id, c.application_id, c.scope, b.created_at as signed_in_at, b.sso_session_id`,
      values: [sha256(code), applicationId, redirectUri, challenge],
    };
  }

  /**
   * What a refused redemption leads to. An inert code, or another client's, is left alone; a live one counts; a redeemed
   * one came back, so whatever it was redeemed for ends (RFC 6749 §4.1.2).
   */
  async noteRefused({ code, applicationId }: Redemption, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      const row = await tx.findOne(AuthorizationCode, {
        where: { hash: sha256(code), applicationId },
        lock: { mode: 'pessimistic_write' },
      });
      if (!row?.approvedAt) return;
      if (row.redeemedAt === null) {
        await tx.increment(AuthorizationCode, { hash: row.hash }, 'failedAttempts', 1);
        return;
      }
      const [ended] = await endSessions(tx, 'id = $1', [row.sessionId]);
      await this.audit.record({ type: 'code.reused', userId: row.userId, applicationId }, client, tx);
      if (ended) await this.notices.tell('session_reused', row.userId, client, tx, { applicationId });
    });
  }

  /** Expired codes go within the hour (contract.md §1.2); until then a redeemed one betrays its reuse. */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.codes.createQueryBuilder().delete().where(`expires_at < now() - interval '30 minutes'`).execute();
    } catch (err) {
      this.log.warn({ err }, 'Expired codes could not be purged now');
    }
  }

  private live() {
    return this.codes
      .createQueryBuilder('c')
      .innerJoinAndSelect('c.application', 'a')
      .where(`c.redeemed_at is null and c.expires_at > now()`);
  }
}
