import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ApplicationsService } from '../applications/applications.service.js';
import { matchesRedirectUri } from '../applications/client.js';
import { AuditService } from '../audit/audit.service.js';
import type { SignedInBrowser } from '../browsers/signed-in-browser.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters, Refusal } from '../common/errors.js';
import { clientUrl } from '../common/oauth-redirects.js';
import { covers, isKnownScope, readScope } from '../common/scopes.js';
import { Config } from '../config/config.js';
import type { AuthorizationCode } from '../oauth/authorization-code.entity.js';
import { AuthorizationCodesService } from '../oauth/authorization-codes.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { NoticesService } from '../users/notices.service.js';
import type { BrowserStep } from './browser-step.js';
import type { ConsentParameters } from './consent.dto.js';

const EXPIRED = 'This sign-in has expired';

/**
 * Brings a pending code to life, or ends it, at the word of the person in whose browser it was made. Everything but the
 * decision is read from our own row; what the form carries back is only compared with it (contract.md §3.5).
 */
@Injectable()
export class ConsentService {
  constructor(
    private readonly codes: AuthorizationCodesService,
    private readonly applications: ApplicationsService,
    private readonly sessions: SessionsService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** The checks stand in the order of contract.md §3.5.1. */
  async decide(sent: ConsentParameters, browser: SignedInBrowser | null, client: ClientInfo): Promise<BrowserStep> {
    const { client_id: clientId, redirect_uri: redirectUri } = sent;
    if (clientId === undefined || redirectUri === undefined) {
      throw new Refusal('invalid_request', 'client_id and redirect_uri are required');
    }
    if (!browser) throw await this.signInAgain(sent, clientId, redirectUri);
    const code = await this.find(sent.code, browser, clientId, redirectUri);
    if (!code) throw new Refusal('invalid_grant', EXPIRED);
    if (!belongsTo(code, browser)) throw await this.signInAgain(sent, clientId, redirectUri);
    if (code.application.clientId !== clientId || code.redirectUri !== redirectUri) {
      throw new Refusal('invalid_request', 'client_id or redirect_uri does not match');
    }
    return sent.decision === 'deny' ? this.deny(code, client) : this.approve(code, sent.scope, client);
  }

  private find(
    code: string | undefined,
    browser: SignedInBrowser,
    clientId: string,
    redirectUri: string,
  ): Promise<AuthorizationCode | null> {
    return code === undefined ? this.codes.findNewest(browser.id, clientId, redirectUri) : this.codes.findLive(code);
  }

  private async approve(code: AuthorizationCode, scope: string | undefined, client: ClientInfo): Promise<BrowserStep> {
    const granted = narrowedScope(code, scope);
    const value = this.codes.reveal(code);
    const isNews = await this.isFirstWriteAccess(code, granted);
    await this.dataSource.transaction(async (tx) => {
      const approval = value === null ? null : await this.codes.approve(code, granted, tx);
      if (!approval) throw new Refusal('invalid_grant', EXPIRED);
      await this.audit.record(
        { type: 'consent.approved', userId: code.userId, applicationId: code.applicationId },
        client,
        tx,
      );
      if (isNews && approval.isFirst) {
        await this.notices.tell('client_may_write', code.userId, client, tx, { app: code.application.name });
      }
    });
    return this.toClient(code, [['code', value ?? '']]);
  }

  /** Whether the person should hear of it: a client, not one of ours, that could never write before (contract.md §3.5.3). */
  private async isFirstWriteAccess(code: AuthorizationCode, granted: string): Promise<boolean> {
    const isNews = code.approvedAt === null && code.application.builtin === null && mayWrite(granted);
    return isNews && !(await this.sessions.hadScope(code.userId, code.applicationId, mayWrite));
  }

  private async deny(code: AuthorizationCode, client: ClientInfo): Promise<BrowserStep> {
    await this.dataSource.transaction(async (tx) => {
      if (!(await this.codes.deny(code, tx))) throw new Refusal('invalid_grant', EXPIRED);
      await this.audit.record(
        { type: 'consent.denied', userId: code.userId, applicationId: code.applicationId },
        client,
        tx,
      );
    });
    // RFC 6749 §4.1.2.1
    return this.toClient(code, [
      ['error', 'access_denied'],
      ['error_description', 'The request was denied'],
    ]);
  }

  private toClient({ redirectUri, state }: AuthorizationCode, pairs: [string, string][]): BrowserStep {
    return { location: clientUrl(this.config, redirectUri, pairs, state ?? undefined) };
  }

  /** Back to the login page with what was sent, but only for a registered redirect URI. */
  private async signInAgain(sent: ConsentParameters, clientId: string, redirectUri: string): Promise<Refusal> {
    const client = await this.applications.find(clientId);
    if (!client || !matchesRedirectUri(client, redirectUri)) {
      return new Refusal('invalid_request', 'redirect_uri is not registered for this client');
    }
    const { response_type, scope, state, code_challenge, code_challenge_method } = sent;
    const parameters: OAuthParameters = {
      client_id: clientId,
      redirect_uri: redirectUri,
      ...(response_type !== undefined && { response_type }),
      ...(scope !== undefined && { scope }),
      ...(state !== undefined && { state }),
      ...(code_challenge !== undefined && { code_challenge }),
      ...(code_challenge_method !== undefined && { code_challenge_method }),
    };
    return new AuthorizationRefusal('invalid_request', 'Please sign in again', parameters);
  }
}

/** The same browser session, person and client that got the code (security.md R48). */
export function belongsTo(code: AuthorizationCode, browser: SignedInBrowser): boolean {
  return (
    code.browserSessionId === browser.id &&
    code.userId === browser.userId &&
    code.application.clientId === browser.clientId
  );
}

/** Whether any of the words lets a client change something. */
function mayWrite(scope: string): boolean {
  return scope.split(' ').some((word) => /^(write|follow|admin)(:|$)/.test(word) && word !== 'admin:read');
}

function narrowedScope({ scope }: AuthorizationCode, wanted: string | undefined): string {
  if (wanted === undefined) return scope;
  const words = readScope(wanted);
  const held = scope.split(' ');
  if (words === null || !words.every((word) => isKnownScope(word) && covers(held, word))) {
    throw new Refusal('invalid_scope');
  }
  return words.join(' ');
}
