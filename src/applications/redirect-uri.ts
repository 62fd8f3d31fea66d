import { OUT_OF_BAND } from '../common/oauth-redirects.js';

/** Schemes that run code, read files or make no sense as the end of a redirect (contract.md §2.1). */
const FORBIDDEN_SCHEMES = new Set(
  'javascript data vbscript blob file filesystem about view-source ws wss ftp mailto jar'.split(' '),
);

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a URI may be registered (contract.md §2.1, RFC 8252 §7). It is stored as sent and later compared byte for byte. */
export function isRedirectUri(uri: string, allowHttp: boolean): boolean {
  if (uri === OUT_OF_BAND) return true;
  if (uri.length > 2000 || /[\s\p{Cc}\\*#]/u.test(uri) || !/^[\x21-\x7e]+$/.test(uri)) return false;
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):(.+)$/.exec(uri) ?? [];
  if (scheme === undefined || rest === undefined || FORBIDDEN_SCHEMES.has(scheme.toLowerCase())) return false;
  if (!URL.canParse(uri)) return false;
  const url = new URL(uri);
  if (url.username !== '' || url.password !== '' || /^\/\/[^/?]*@/.test(rest)) return false;
  // The URL parser would find a host in `https:///cb` and `https:cb`.
  const hasHost = /^\/\/[^/?]/.test(rest);
  if (url.protocol === 'https:') return hasHost;
  if (url.protocol === 'http:') return hasHost && (allowHttp || LOOPBACK_HOSTS.has(url.hostname));
  return true;
}

/**
 * What a person can recognise a redirect by: its host, or its scheme when it is a private one, because anybody may write
 * any host behind a scheme of their own.
 */
export function redirectHost(uri: string): string {
  if (uri === OUT_OF_BAND) return 'a code to copy';
  const url = new URL(uri);
  return isWeb(url) ? url.host : url.protocol;
}

/**
 * The source that a content security policy must allow for a form to end at this URI. CSP3 §2.3.1 knows hosts of letters,
 * digits, hyphens and dots: any other (an IPv6 address, or one that would end the directive) is allowed by its scheme.
 */
export function redirectSource(uri: string): string | null {
  if (uri === OUT_OF_BAND) return null;
  const url = new URL(uri);
  return isWeb(url) && /^[a-z0-9.-]+$/.test(url.hostname) ? url.origin : url.protocol;
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'http:';
}
