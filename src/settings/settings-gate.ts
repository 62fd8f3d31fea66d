import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { clientInfo } from '../common/client-info.js';
import { type ErrorCode, Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import * as cookies from './settings-cookies.js';
import { type SettingsCaller, SettingsSignInService } from './settings-sign-in.service.js';

/** Where somebody lands who has left the settings. */
export const SIGNED_OUT = `${cookies.SETTINGS_PATH}/signed-out`;

/** Lets browsers into the settings, or leads them to where they sign in. */
@Injectable()
export class SettingsGate {
  constructor(
    private readonly signIns: SettingsSignInService,
    private readonly config: Config,
  ) {}

  /** Who opens a page of the settings; null when the answer is the way to a sign-in. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<SettingsCaller | null> {
    const caller = await this.recognise(request);
    if (caller) return caller;
    const { location, secret } = await this.signIns.start();
    cookies.set(reply, this.config, cookies.SIGN_IN, secret);
    follow(reply, this.config, { location });
    return null;
  }

  /** Who sends a form of the settings; null when the answer is the way back to them: what was typed is not kept over a sign-in. */
  async admitForm(request: FastifyRequest, reply: FastifyReply): Promise<SettingsCaller | null> {
    const caller = await this.recognise(request);
    if (!caller) this.goTo(reply, cookies.SETTINGS_PATH);
    return caller;
  }

  /**
   * Does what a form asks for. A refusal shows its screen again, with the sentence beside the form; so does the demand
   * for a fresh sign-in.
   */
  async attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: SettingsCaller) => Promise<void>,
    showProblem: (caller: SettingsCaller, sentence: string) => Promise<void>,
    shown: readonly ErrorCode[] = ['rejected', 'step_up_required'],
  ): Promise<void> {
    const caller = await this.admitForm(request, reply);
    if (!caller) return;
    try {
      await work(caller);
    } catch (error) {
      if (!(error instanceof Refusal) || !shown.includes(error.code)) throw error;
      await showProblem(caller, error.message);
    }
  }

  /** On to another page of ours. */
  goTo(reply: FastifyReply, path: string): void {
    follow(reply, this.config, { location: this.config.url(path) });
  }

  /** Out of the settings. */
  leave(reply: FastifyReply, path = SIGNED_OUT): void {
    cookies.clear(reply, this.config, cookies.TOKEN);
    this.goTo(reply, path);
  }

  private recognise(request: FastifyRequest): Promise<SettingsCaller | null> {
    return this.signIns.recognise(cookies.read(request, this.config, cookies.TOKEN), clientInfo(request));
  }
}
