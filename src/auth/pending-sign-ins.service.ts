import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import { looksLikeSecret, randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import type { User } from '../users/user.entity.js';
import { holdProof } from './hold-proof.js';
import { PendingSignIn, type SignInStepName } from './pending-sign-in.entity.js';

/** How long the next step may take (contract.md §0.9, §3.9). */
const LIFETIME = `interval '300 seconds'`;

/** The wrong answer that ends it (contract.md §1.1, §3.4). */
export const MOST_ATTEMPTS = 5;

/** What a browser is given to come back with: the token in the URL, its other half in a cookie. */
export interface StepTicket {
  token: string;
  cookie: string;
}

/** Keeps sign-ins that wait for one more step, each bound to the browser that began it. */
@Injectable()
export class PendingSignInsService {
  constructor(@InjectRepository(PendingSignIn) private readonly rows: Repository<PendingSignIn>) {}

  /** Keeps a sign-in whose first proof was right; `ssoSessionId` is the provider's part in it. */
  async open(
    user: User,
    step: SignInStepName,
    parameters: OAuthParameters,
    ssoSessionId: string | null,
  ): Promise<StepTicket> {
    const [token, cookie] = [randomSecret(), randomSecret()];
    await this.rows.query(
      `insert into pending_sign_in (hash, browser_hash, step, user_id, credential_epoch, parameters, sso_session_id, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, now() + ${LIFETIME})`,
      [sha256(token), sha256(cookie), step, user.id, user.credentialEpoch, JSON.stringify(parameters), ssoSessionId],
    );
    return { token, cookie };
  }

  /** The unfinished sign-in of this token and this browser, also when its time is over, or null. */
  async find(token: string, cookie: string | undefined, step: SignInStepName): Promise<PendingSignIn | null> {
    if (!looksLikeSecret(token) || cookie === undefined) return null;
    const row = await this.rows.findOneBy({ hash: sha256(token), step });
    return row && sameDigest(row.browserHash, sha256(cookie)) ? row : null;
  }

  /** Whether it can still go on; uses nothing up. */
  async isLive({ hash }: PendingSignIn): Promise<boolean> {
    const rows = await this.rows.query(
      `select from pending_sign_in p join "user" u on u.id = p.user_id and u.credential_epoch = p.credential_epoch
       where p.hash = $1 and p.attempts < ${MOST_ATTEMPTS} and p.expires_at > now()`,
      [hash],
    );
    return rows.length === 1;
  }

  /** Counts one answer, before it is looked at; which one it is, or null when the sign-in is over. */
  async countAttempt({ hash }: PendingSignIn): Promise<number | null> {
    const [[row]] = await this.rows.query(
      `update pending_sign_in set attempts = attempts + 1
       where hash = $1 and attempts < ${MOST_ATTEMPTS} and expires_at > now() returning attempts`,
      [hash],
    );
    return row?.attempts ?? null;
  }

  /** Uses it up in a transaction of its own; false as for `consume`. */
  end(pending: PendingSignIn): Promise<boolean> {
    return this.rows.manager.transaction((tx) => this.consume(pending, tx));
  }

  /** Uses it up; false when somebody was faster, its time is over, or the password that began it counts no more. */
  async consume(pending: PendingSignIn, tx: EntityManager): Promise<boolean> {
    if (!(await holdProof(pending, tx))) return false;
    const [rows] = await tx.query('delete from pending_sign_in where hash = $1 and expires_at > now() returning hash', [
      pending.hash,
    ]);
    return rows.length === 1;
  }
}
