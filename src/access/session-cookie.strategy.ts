import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-custom';
import { BrowserSessionsService } from '../browsers/browser-sessions.service.js';
import { SESSION_COOKIE } from '../browsers/session-cookie.js';
import type { SignedInBrowser } from '../browsers/signed-in-browser.js';

/** Recognises the `jwt` cookie of a browser; anything else means signed out. */
@Injectable()
export class SessionCookieStrategy extends PassportStrategy(Strategy, 'session-cookie') {
  constructor(private readonly browsers: BrowserSessionsService) {
    super();
  }

  async validate(request: FastifyRequest): Promise<SignedInBrowser | false> {
    const cookie = request.cookies[SESSION_COOKIE];
    return (cookie && (await this.browsers.recognise(cookie))) || false;
  }
}
