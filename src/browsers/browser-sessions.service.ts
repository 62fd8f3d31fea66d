import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from 'jose';
import { type EntityManager, Repository } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { Config } from '../config/config.js';
import { ShortReads } from '../database/short-reads.js';
import { USER_IS_ACTIVE } from '../users/account-state.js';
import { BrowserSession } from './browser-session.entity.js';
import type { SignedInBrowser } from './signed-in-browser.js';
import { SIGNING_ALGORITHM, SigningKeysService } from './signing-keys.service.js';

/** What a `jwt` cookie says. */
interface Ticket {
  sessionId: string;
  userId: string;
  clientId: string;
  expiresAt: Date;
}

/** Signs browsers in and out and recognises their `jwt` cookie; the row behind it is what counts. */
@Injectable()
export class BrowserSessionsService {
  constructor(
    @InjectRepository(BrowserSession) private readonly rows: Repository<BrowserSession>,
    private readonly reads: ShortReads,
    private readonly keys: SigningKeysService,
    private readonly config: Config,
  ) {}

  /** The `jwt` cookie of a session, for one client: a compact JWS (contract.md §3.3.3). */
  async sign(userId: string, clientId: string, session: { id: string; expiresAt: Date }): Promise<string> {
    const key = await this.keys.current();
    return new SignJWT({ sid: session.id, typ: 'session' })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: 'JWT', kid: key.kid })
      .setIssuer(this.config.publicUrl)
      .setSubject(userId)
      .setAudience(clientId)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime(session.expiresAt)
      .sign(key.privateKey);
  }

  /** The signed-in browser that a cookie stands for, or null: anything wrong means signed out. */
  async recognise(cookie: string): Promise<SignedInBrowser | null> {
    const ticket = await this.verify(cookie);
    if (!ticket) return null;
    const [row] = await this.reads.query<{ username: string }>({
      name: 'find_browser_session',
      text: `select u.username from browser_session b join "user" u on u.id = b.user_id
        where b.id = $1 and b.user_id = $2 and b.expires_at > now() and ${USER_IS_ACTIVE}`,
      values: [ticket.sessionId, ticket.userId],
    });
    const { sessionId: id, userId, clientId, expiresAt } = ticket;
    return row ? { id, userId, clientId, expiresAt, username: row.username } : null;
  }

  /** Keeps one alive until the transaction ends, so that a code can be hung on it; false when it has ended. */
  async hold(id: string, tx: EntityManager): Promise<boolean> {
    const rows = await tx.query('select id from browser_session where id = $1 and expires_at > now() for key share', [
      id,
    ]);
    return rows.length === 1;
  }

  /** Ends one; its pending codes go with it. */
  async end(id: string, tx: EntityManager = this.rows.manager): Promise<void> {
    await tx.delete(BrowserSession, { id });
  }

  /** The algorithm is pinned and the key is ours by `kid`; whatever else the header offers is not looked at (security.md R39). */
  private async verify(cookie: string): Promise<Ticket | null> {
    const kid = readKid(cookie);
    const key = kid === null ? null : await this.keys.find(kid);
    if (!key) return null;
    try {
      const { payload } = await jwtVerify(cookie, await importJWK(key.publicJwk, SIGNING_ALGORITHM), {
        algorithms: [SIGNING_ALGORITHM],
        issuer: this.config.publicUrl,
        typ: 'JWT',
        requiredClaims: ['sub', 'aud', 'sid', 'iat', 'nbf', 'exp'],
      });
      const { sub, aud, sid, exp, typ } = payload;
      if (typ !== 'session' || typeof aud !== 'string' || !isUuid(sid) || !isUuid(sub)) return null;
      return { sessionId: String(sid), userId: sub ?? '', clientId: aud, expiresAt: new Date((exp ?? 0) * 1000) };
    } catch {
      // Only the token is at fault here: the key came from our own row.
      return null;
    }
  }
}

function readKid(cookie: string): string | null {
  try {
    return decodeProtectedHeader(cookie).kid ?? null;
  } catch {
    return null;
  }
}
