import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';

/** Seconds; as long as an unfinished sign-in lives (contract.md §0.9). */
const MAX_AGE = 300;

/** The cookie that binds an unfinished sign-in to its browser; with `__Host-` nobody on plain http can plant one. */
function nameOf(config: Config): string {
  return config.https ? '__Host-gh_mfa' : 'gh_mfa';
}

/** Strict, because only a form of our own origin ever needs it (contract.md §0.9). */
function attributes(config: Config): CookieSerializeOptions {
  return { httpOnly: true, path: '/', sameSite: 'strict', secure: config.https };
}

/** Puts it into the browser. */
export function setStepCookie(reply: FastifyReply, config: Config, value: string): void {
  void reply.setCookie(nameOf(config), value, { ...attributes(config), maxAge: MAX_AGE });
}

/** Takes it out again. */
export function clearStepCookie(reply: FastifyReply, config: Config): void {
  void reply.clearCookie(nameOf(config), attributes(config));
}

/** What this browser holds. */
export function readStepCookie({ cookies }: FastifyRequest, config: Config): string | undefined {
  return cookies[nameOf(config)];
}
