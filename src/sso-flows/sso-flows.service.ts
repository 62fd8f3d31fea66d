import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import { looksLikeSecret, randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { type FlowSecrets, OidcClient } from '../providers/oidc.client.js';
import type { FlowCookie, FlowCookies } from './flow-cookie.js';
import { type FlowKind, SsoFlow } from './sso-flow.entity.js';

/** How long a visit may take (contract.md §3.6). */
const LIFETIME = `interval '10 minutes'`;

/** Who links, and in which state of their account they showed who they are. */
export interface Linker {
  userId: string;
  credentialEpoch: number;
  /** The session that asks, where nothing else proves who it is. */
  sessionId?: number;
}

/** What a flow is opened for. */
export type FlowPurpose =
  | { kind: 'login'; parameters: OAuthParameters }
  | { kind: 'link'; linker: Linker }
  | { kind: 'prove'; linker: Linker; ticketHash: Buffer };

/** Where the browser goes, and what it keeps meanwhile. */
export interface Departure {
  location: string;
  cookie: FlowCookie;
}

/** A flow and its secrets, as the right browser has brought them back. */
export interface Returned {
  flow: SsoFlow;
  secrets: FlowSecrets;
}

/** Keeps visits to providers: each bound to its browser, provider and purpose, and used once. */
@Injectable()
export class SsoFlowsService {
  private readonly log = new Logger(SsoFlowsService.name);

  constructor(
    @InjectRepository(SsoFlow) private readonly flows: Repository<SsoFlow>,
    private readonly oidc: OidcClient,
  ) {}

  /**
   * Sends a browser to a provider.
   * @throws ProviderTrouble `unavailable`; then nothing is kept
   */
  async depart(provider: SsoProviderConfig, purpose: FlowPurpose): Promise<Departure> {
    const [id, state, cookie] = [randomSecret(), randomSecret(), randomSecret()];
    // First, because what cannot begin leaves nothing behind.
    const location = await this.oidc.authorizationUrl(provider, secretsOf(state, cookie));
    const linker = purpose.kind === 'login' ? null : purpose.linker;
    await this.flows.query(
      `insert into sso_flow (state_hash, id, kind, provider, browser_hash, parameters, user_id, credential_epoch, ticket_hash, session_id, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + ${LIFETIME})`,
      [
        sha256(state),
        id,
        purpose.kind satisfies FlowKind,
        provider.id,
        sha256(cookie),
        purpose.kind === 'login' ? JSON.stringify(purpose.parameters) : null,
        linker?.userId ?? null,
        linker?.credentialEpoch ?? null,
        purpose.kind === 'prove' ? purpose.ticketHash : null,
        linker?.sessionId ?? null,
      ],
    );
    return { location, cookie: { flowId: id, value: cookie } };
  }

  /** The flow of a `state` that this very browser began, also when it is used or its time is over; else null. */
  async find(state: string | undefined, cookies: FlowCookies): Promise<Returned | null> {
    if (state === undefined || !looksLikeSecret(state)) return null;
    const flow = await this.flows.findOneBy({ stateHash: sha256(state) });
    const cookie = flow && cookies(flow.id);
    if (!flow || cookie === undefined || cookie === null) return null;
    return sameDigest(flow.browserHash, sha256(cookie)) ? { flow, secrets: secretsOf(state, cookie) } : null;
  }

  /** Uses a flow up, in one statement that repeats every condition; false when somebody was faster or one does not hold. */
  async consume({ stateHash, browserHash }: SsoFlow, provider: SsoProviderConfig): Promise<boolean> {
    const [rows] = await this.flows.query(
      `update sso_flow set used_at = now()
       where state_hash = $1 and browser_hash = $2 and provider = $3 and used_at is null and expires_at > now()
       returning state_hash`,
      [stateHash, browserHash, provider.id],
    );
    return rows.length === 1;
  }

  /** Ended ones go within the hour (contract.md §1.2). */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.flows.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Ended visits to providers could not be purged now');
    }
  }
}

/** Nonce and verifier are made from what only the browser keeps: nobody else can redeem what comes back, not even we. */
function secretsOf(state: string, cookie: string): FlowSecrets {
  return {
    state,
    nonce: sha256(`nonce ${cookie}`).toString('base64url'),
    verifier: sha256(`verifier ${cookie}`).toString('base64url'),
  };
}
