import { Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { CallingBrowser, type SignedInBrowser } from '../browsers/signed-in-browser.js';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { clientInfo } from '../common/client-info.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { readSessionId } from '../sessions/sessions.controller.js';
import { SessionsService } from '../sessions/sessions.service.js';
import * as cookies from './settings-cookies.js';
import { type SettingsCaller, SettingsSignInService } from './settings-sign-in.service.js';
import { SettingsCallbackQuery } from './settings.dto.js';
import { SettingsPage, SignedOutPage } from './settings.page.js';

const SIGNED_OUT = `${cookies.SETTINGS_PATH}/signed-out`;

/** The settings area, a client of our own that keeps its access token in a cookie; its first screen lists the sessions. */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(cookies.SETTINGS_PATH)
export class SettingsController {
  constructor(
    private readonly signIns: SettingsSignInService,
    private readonly sessions: SessionsService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.recognise(request);
    if (!caller) return this.start(reply);
    const sessions = await this.sessions.list(caller.user.id, caller.sessionId);
    sendPage(reply, this.config, SettingsPage({ config: this.config, username: caller.user.username, sessions }));
  }

  @Get('callback')
  @NoHead()
  async finish(
    @Query() query: SettingsCallbackQuery,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const secret = cookies.read(request, this.config, cookies.SIGN_IN);
    const accessToken = await this.signIns.finish(secret, query, clientInfo(request));
    cookies.clear(reply, this.config, cookies.SIGN_IN);
    if (accessToken === null) return this.sendSignedOut(reply, browser, true);
    cookies.set(reply, this.config, cookies.TOKEN, accessToken);
    this.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Get('signed-out')
  showSignedOut(@CallingBrowser() browser: SignedInBrowser | null, @Res() reply: FastifyReply): void {
    this.sendSignedOut(reply, browser, false);
  }

  @Post('sessions/:id/revoke')
  async revoke(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.recognise(request);
    if (!caller) return this.goTo(reply, cookies.SETTINGS_PATH);
    const sessionId = readSessionId(id);
    await this.sessions.revoke(caller.user.id, sessionId, clientInfo(request));
    if (sessionId === caller.sessionId) return this.leave(reply);
    this.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Post('sessions/revoke-others')
  async revokeOthers(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.recognise(request);
    if (caller) await this.sessions.revokeAll(caller.user.id, caller.sessionId, clientInfo(request));
    this.goTo(reply, cookies.SETTINGS_PATH);
  }

  @Post('sign-out')
  async signOut(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.recognise(request);
    if (caller) await this.sessions.revoke(caller.user.id, caller.sessionId, clientInfo(request));
    this.leave(reply);
  }

  private recognise(request: FastifyRequest): Promise<SettingsCaller | null> {
    return this.signIns.recognise(cookies.read(request, this.config, cookies.TOKEN), clientInfo(request));
  }

  private async start(reply: FastifyReply): Promise<void> {
    const { location, secret } = await this.signIns.start();
    cookies.set(reply, this.config, cookies.SIGN_IN, secret);
    follow(reply, this.config, { location });
  }

  private sendSignedOut(reply: FastifyReply, browser: SignedInBrowser | null, isDenied: boolean): void {
    const username = browser?.username ?? null;
    sendPage(reply, this.config, SignedOutPage({ config: this.config, username, isDenied }));
  }

  private leave(reply: FastifyReply): void {
    cookies.clear(reply, this.config, cookies.TOKEN);
    this.goTo(reply, SIGNED_OUT);
  }

  private goTo(reply: FastifyReply, path: string): void {
    follow(reply, this.config, { location: this.config.url(path) });
  }
}
