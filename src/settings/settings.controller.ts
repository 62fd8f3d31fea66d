import { Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallingBrowser, type SignedInBrowser } from '../browsers/signed-in-browser.js';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { sendPage } from '../common/html-document.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { SsoSessionsService } from '../identities/sso-sessions.service.js';
import { OidcClient } from '../providers/oidc.client.js';
import { findProvider, providerOf } from '../providers/provider.js';
import { readSessionId } from '../sessions/sessions.controller.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { SessionsPage } from './sessions.page.js';
import * as cookies from './settings-cookies.js';
import { SettingsGate, SIGNED_OUT } from './settings-gate.js';
import { SettingsSignInService } from './settings-sign-in.service.js';
import { SettingsCallbackQuery, SignedOutQuery } from './settings.dto.js';
import { SignedOutPage } from './signed-out.page.js';

/** The settings area, a client of our own that keeps its access token in a cookie; its first screen lists the sessions. */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(cookies.SETTINGS_PATH)
export class SettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly signIns: SettingsSignInService,
    private readonly sessions: SessionsService,
    private readonly ssoSessions: SsoSessionsService,
    private readonly oidc: OidcClient,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (!caller) return;
    const sessions = await this.sessions.list(caller.user.id, caller.sessionId);
    sendPage(reply, this.config, SessionsPage({ config: this.config, username: caller.user.username, sessions }));
  }

  @Get('callback')
  @NoHead()
  async finish(
    @Query() query: SettingsCallbackQuery,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const secret = cookies.read(request, this.config, cookies.SIGN_IN);
    const accessToken = await this.signIns.finish(secret, query, client);
    cookies.clear(reply, this.config, cookies.SIGN_IN);
    if (accessToken === null) return this.sendSignedOut(reply, browser, 'denied');
    cookies.set(reply, this.config, cookies.TOKEN, accessToken);
    this.gate.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Get('signed-out')
  showSignedOut(
    @Query() { after, provider }: SignedOutQuery,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Res() reply: FastifyReply,
  ): void {
    this.sendSignedOut(reply, browser, after ?? 'signed_out', provider);
  }

  @Post('sessions/:id/revoke')
  async revoke(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admitForm(request, reply);
    if (!caller) return;
    const sessionId = readSessionId(id);
    await this.sessions.revoke(caller.user.id, sessionId, client);
    if (sessionId === caller.sessionId) return this.gate.leave(reply);
    this.gate.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Post('sessions/revoke-others')
  async revokeOthers(
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admitForm(request, reply);
    if (!caller) return;
    await this.sessions.revokeAll(caller.user.id, caller.sessionId, client);
    this.gate.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Post('sign-out')
  async signOut(
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.signIns.recognise(cookies.read(request, this.config, cookies.TOKEN), client);
    const issuer = caller && (await this.ssoSessions.issuerOf(caller.sessionId));
    if (caller) await this.sessions.revoke(caller.user.id, caller.sessionId, client);
    const provider = issuer && providerOf(this.config, issuer);
    this.gate.leave(reply, provider ? `${SIGNED_OUT}?provider=${provider.id}` : SIGNED_OUT);
  }

  private sendSignedOut(
    reply: FastifyReply,
    browser: SignedInBrowser | null,
    after: SignedOutQuery['after'],
    providerId?: string,
  ): void {
    const provider = findProvider(this.config, providerId);
    const signOutUrl = provider && this.oidc.signOutUrl(provider);
    const page = SignedOutPage({
      config: this.config,
      username: browser?.username ?? null,
      after: after ?? 'signed_out',
      provider: provider && signOutUrl ? { name: provider.name, signOutUrl } : null,
    });
    sendPage(reply, this.config, page);
  }
}
