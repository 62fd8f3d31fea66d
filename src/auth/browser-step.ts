import type { FastifyReply } from 'fastify';
import { clearSessionCookie, setSessionCookie } from '../browsers/session-cookie.js';
import type { Config } from '../config/config.js';
import { clearStepCookie, setStepCookie } from './step-cookie.js';

/** Where a form post sends the browser, and what becomes of its session. */
export interface BrowserStep {
  location: string;
  /** A new `jwt` cookie, or its removal. */
  session?: { cookie: string; expiresAt: Date } | 'end';
  /** A new `gh_mfa` cookie, or its removal. */
  step?: { cookie: string } | 'end';
}

/** Answers 302 and no body (204 for a script that follows nothing); never 307 or 308, which would forward the password (RFC 9700 §4.12). */
export function follow(
  reply: FastifyReply,
  config: Config,
  { location, session, step }: BrowserStep,
  status: 302 | 204 = 302,
): void {
  if (session === 'end') clearSessionCookie(reply, config);
  else if (session) setSessionCookie(reply, config, session.cookie, session.expiresAt);
  if (step === 'end') clearStepCookie(reply, config);
  else if (step) setStepCookie(reply, config, step.cookie);
  if (status === 302) void reply.header('location', location);
  void reply.code(status).send();
}
