import { Injectable } from '@nestjs/common';
import { ApplicationsService, type ClientCredential, isAuthenticated } from '../applications/applications.service.js';
import { isPublic } from '../applications/client.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { looksLikeSecret, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { ShortReads } from '../database/short-reads.js';
import { LimitsService } from '../limits/limits.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { type Introspection, introspectToken } from './introspect-token.js';

/** Lets clients end tokens (RFC 7009) and ask about them (RFC 7662). */
@Injectable()
export class TokenManagementService {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly sessions: SessionsService,
    private readonly limits: LimitsService,
    private readonly config: Config,
    private readonly reads: ShortReads,
  ) {}

  /**
   * Ends the session of a token; unknown and foreign tokens change nothing and are not told apart.
   * @throws Refusal `invalid_client`
   */
  revoke(credential: ClientCredential, token: string, from: ClientInfo): Promise<void> {
    return this.limits.countFailures('token_failures', from.ip, async () => {
      // Lysand's 2024 frontend sends the token as the secret: who holds a token may end it (contract.md §2.7).
      const isHolder = credential.secret === token;
      const applicationId = isHolder ? null : (await this.applications.authenticate(credential)).id;
      await this.sessions.revokeByToken(token, applicationId, from);
    });
  }

  /**
   * What an access token stands for, as far as this client may know; null otherwise. Does not count as use.
   * @throws Refusal `invalid_client` also for public clients
   */
  introspect(credential: ClientCredential, token: string, from: ClientInfo): Promise<Introspection | null> {
    return this.limits.countFailures('token_failures', from.ip, async () => {
      // An id of another form, which HTTP Basic may carry with any character, never reaches the statement.
      const found = looksLikeSecret(credential.clientId)
        ? await introspectToken(this.reads, credential.clientId, sha256(token))
        : null;
      if (!found || isPublic(found) || !isAuthenticated(found, credential.secret)) throw new Refusal('invalid_client');
      const mayKnow =
        found.tokenClientId === found.clientId || this.config.oauth.introspection_clients.includes(found.clientId);
      return mayKnow ? found : null;
    });
  }
}
