import { readHost } from './host.js';

/** Whose account a handle names; host null: ours. */
export interface Handle {
  username: string;
  host: string | null;
}

/** What tells our own accounts: the domain of our handles, and where our actors are. */
export interface OwnPlace {
  domain: string;
  publicUrl: string;
}

/** The most characters of a handle in any of its forms. */
export const MAX_HANDLE = 320;

const WEB = /^https?:\/\/(?<host>[^/?#@]+)\/(?:@(?<acct>[^/?#]+)|users\/(?<user>[^/?#@]+))\/?(?:[?#].*)?$/i;
const ACCT = /^(?:@|acct:(?=[^@]+@))?(?<username>[^@]+)(?:@(?<host>[^@]+))?$/i;

/** What servers of the fediverse allow in user names, together; a dot only inside, and some letter, digit or `_`. */
const USERNAME = /^(?!\.)(?!.*\.\.)(?=.*\w)[\w.-]{1,64}(?<!\.)$/;

/** Reads a handle in any form of contract.md §7.3 into its one form; null where it is none. */
export function readHandle(text: string, ours: OwnPlace): Handle | null {
  return handleReader(ours)(text);
}

/** `readHandle` for many handles. */
export function handleReader({ domain, publicUrl }: OwnPlace): (text: string) => Handle | null {
  // Asked by WebFinger, either would answer that the account is ours.
  const ownHosts = new Set([readHost(domain), readHost(new URL(publicUrl).host)]);
  return (text) => {
    const { username, host } = partsOf(text.trim());
    if (username === undefined || !USERNAME.test(username)) return null;
    const known = host === undefined ? null : readHost(host);
    if (host !== undefined && known === null) return null;
    return { username: username.toLowerCase(), host: ownHosts.has(known) ? null : known };
  };
}

/** How a handle is written everywhere. */
export function handleOf({ username, host }: Handle): string {
  return host === null ? username : `${username}@${host}`;
}

function partsOf(text: string): { username?: string; host?: string } {
  if (text.length > MAX_HANDLE) return {};
  const web = WEB.exec(text)?.groups;
  if (web === undefined) return ACCT.exec(text)?.groups ?? {};
  const { host = '', acct, user } = web;
  if (acct === undefined) return { username: user ?? '', host };
  // Mastodon's web pages show `@bob@elsewhere` under their own host.
  const [username = '', home = host, ...rest] = acct.split('@');
  return rest.length === 0 ? { username, host: home } : {};
}
