import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { openWithEither } from '../common/secret-keys.js';
import { seal } from '../common/secrets.js';
import type { Config } from '../config/config.js';

/** Where the settings live, and the only place their cookies are sent to. */
export const SETTINGS_PATH = '/settings';

/** A cookie of the settings: sealed, so that what leaks from a browser's store is worthless without `SECRET_KEY`. */
interface SealedCookie {
  name: string;
  purpose: string;
  /** Seconds; absent: until the browser closes. */
  maxAge?: number;
}

/** Holds the access token. */
export const TOKEN: SealedCookie = { name: 'gh_settings', purpose: 'settings cookie' };

/** Binds a sign-in that is under way to this browser. */
export const SIGN_IN: SealedCookie = { name: 'gh_settings_flow', purpose: 'settings sign-in', maxAge: 600 };

/** Puts a sealed value into the browser. */
export function set(reply: FastifyReply, config: Config, cookie: SealedCookie, value: string): void {
  const sealed = seal(Buffer.from(value), config.secretKey, cookie.purpose).toString('base64url');
  const { maxAge } = cookie;
  void reply.setCookie(nameOf(cookie, config), sealed, {
    ...attributes(config),
    ...(maxAge !== undefined && { maxAge }),
  });
}

/** What we put there, or null when it is missing, foreign or changed. */
export function read({ cookies }: FastifyRequest, config: Config, cookie: SealedCookie): string | null {
  const sealed = cookies[nameOf(cookie, config)];
  if (sealed === undefined) return null;
  return openWithEither(Buffer.from(sealed, 'base64url'), config, cookie.purpose)?.toString() ?? null;
}

/** Takes it out again. */
export function clear(reply: FastifyReply, config: Config, cookie: SealedCookie): void {
  void reply.clearCookie(nameOf(cookie, config), attributes(config));
}

/** `__Host-` would demand the path `/`; `__Secure-` at least keeps plain http of the same host from planting one. */
function nameOf({ name }: SealedCookie, config: Config): string {
  return config.https ? `__Secure-${name}` : name;
}

/** Lax, because a sign-in may come back from a provider's site, and a Strict cookie would be missing then. */
function attributes(config: Config): CookieSerializeOptions {
  return { httpOnly: true, path: SETTINGS_PATH, sameSite: 'lax', secure: config.https };
}
