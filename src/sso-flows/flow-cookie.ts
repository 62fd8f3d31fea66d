import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';

/** Seconds; as long as a flow lives (contract.md §0.9). */
const MAX_AGE = 600;

/** A browser's half of a flow. */
export interface FlowCookie {
  flowId: string;
  value: string;
}

/** Each flow has a cookie of its own, so that two tabs do not take each other's; with `__Host-` nobody on plain http can plant one. */
function nameOf(config: Config, flowId: string): string {
  return `${config.https ? '__Host-' : ''}gh_flow_${flowId.slice(0, 8)}`;
}

/** Lax, because it must come back after the redirect from the provider's site (contract.md §0.9). */
function attributes(config: Config): CookieSerializeOptions {
  return { httpOnly: true, path: '/', sameSite: 'lax', secure: config.https };
}

/** Puts it into the browser. */
export function setFlowCookie(reply: FastifyReply, config: Config, { flowId, value }: FlowCookie): void {
  void reply.setCookie(nameOf(config, flowId), value, { ...attributes(config), maxAge: MAX_AGE });
}

/** Takes it out again. */
export function clearFlowCookie(reply: FastifyReply, config: Config, flowId: string): void {
  void reply.clearCookie(nameOf(config, flowId), attributes(config));
}

/** What this browser holds, by the id of a flow. */
export type FlowCookies = (flowId: string) => string | undefined;

/** The flow cookies of a request. */
export function flowCookiesOf({ cookies }: FastifyRequest, config: Config): FlowCookies {
  return (flowId) => cookies[nameOf(config, flowId)];
}
