import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply } from 'fastify';
import type { Config } from '../config/config.js';

/** The name of the cookie that a completed sign-in sets (contract.md §0.9). */
export const SESSION_COOKIE = 'jwt';

/** Attributes of the `jwt` cookie; Lax, because it must come back after a provider's redirect (contract.md §0.9). */
function attributes(config: Config): CookieSerializeOptions {
  return { httpOnly: true, path: '/', sameSite: 'lax', secure: config.https };
}

/** Puts the session into the browser. */
export function setSessionCookie(reply: FastifyReply, config: Config, value: string, expiresAt: Date): void {
  const maxAge = Math.max(0, Math.round((expiresAt.getTime() - Date.now()) / 1000));
  void reply.setCookie(SESSION_COOKIE, value, { ...attributes(config), maxAge });
}

/** Takes it out again. */
export function clearSessionCookie(reply: FastifyReply, config: Config): void {
  void reply.clearCookie(SESSION_COOKIE, attributes(config));
}
