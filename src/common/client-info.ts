import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who is on the other end, as far as the connection tells: for the journal, the sessions list and the budgets. */
export interface ClientInfo {
  /** The client's address as under `TRUST_PROXY`, in its shortest form. */
  ip: string;
  /** At most 256 characters; null when none was sent. */
  userAgent: string | null;
  requestId: string;
}

/** Reads the client's facts from a request. */
export function clientInfo(request: FastifyRequest): ClientInfo {
  const userAgent = request.headers['user-agent'];
  return {
    ip: canonicalAddress(request.ip),
    userAgent: userAgent ? printable(userAgent).slice(0, 256) : null,
    requestId: request.id,
  };
}

/** The client's facts as a parameter of a controller method. */
export const Client = createParamDecorator((_: unknown, context: ExecutionContext) =>
  clientInfo(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** One spelling per address: a mapped IPv4 address is the IPv4 one (security.md R3). */
export function canonicalAddress(address: string): string {
  // Nearly every address, and needs no parsing.
  if (isIPv4(address)) return address;
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

/** The network that a budget counts: the address for IPv4, its /64 for IPv6 (contract.md §1, `TRUST_PROXY`). */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6
    ? `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`
    : parsed.toString();
}

/** The network by which a person's sign-ins are told apart: the /16 of an IPv4 address, the /64 of an IPv6 one (contract.md §2.5). */
export function widerNetworkOf(address: string): string {
  const octets = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(networkOf(address));
  return octets ? `${octets[1]}.${octets[2]}.0.0/16` : networkOf(address);
}

/** Control characters become spaces: no value may forge a log line (security.md R15). */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
