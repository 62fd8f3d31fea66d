import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** What may be given to `domainToASCII`: it would drop or decode other ASCII (`%41`, tab, `/`) without a word. */
const WRITTEN = /^(?<name>\[[\da-f:.]+\]|[a-z\d.\u0080-\u{10ffff}-]+)(?::(?<port>\d{1,5}))?$/iu;

/** RFC 1123 §2.1, with the length of RFC 1035 §2.3.4. */
const NAME = /^(?=.{1,253}$)(?:(?!-)[a-z\d-]{1,63}(?<!-)(?:\.(?!$)|$))+$/;

/** Names that public DNS never answers; `example` and `test` are like any other to an application (RFC 6761 §6.2, §6.5). */
const SPECIAL = /(?:^|\.)(?:localhost|local|internal|invalid|onion|alt|home\.arpa)$/;

/**
 * The one spelling of a host: ASCII (IDN as punycode), lower case, no root dot, a number as the IP address that a
 * resolver would take it for, and the port if one is written. Null where it is no host.
 */
export function readHost(text: string): string | null {
  if (isIPv6(text)) return readHost(`[${text}]`);
  const { name, port } = WRITTEN.exec(text)?.groups ?? {};
  if (name === undefined || Number(port ?? 0) > 65_535) return null;
  const ascii = domainToASCII(name).replace(/\.$/, '');
  if (!NAME.test(ascii) && !ascii.startsWith('[')) return null;
  return port === undefined ? ascii : `${ascii}:${Number(port)}`;
}

/**
 * Whether a host may be looked up on the Internet, as far as its name tells (contract.md §7.4, security.md R97): no
 * address, no port, no single label, nothing reserved (RFC 6761, 6762, 7686, 8375, 9476; `internal`: ICANN 2024).
 */
export function isPublicName(host: string): boolean {
  return /^[^[:]+\.[^:]+$/.test(host) && !isIPv4(host) && !SPECIAL.test(host);
}
