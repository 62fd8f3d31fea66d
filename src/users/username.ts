/** Names nobody may register: those of staff, of routes and of protocols (contract.md §5.1). */
export const RESERVED_USERNAMES: readonly string[] = [
  'about',
  'abuse',
  'account',
  'accounts',
  'admin',
  'administrator',
  'api',
  'assets',
  'auth',
  'contact',
  'docs',
  'gatehouse',
  'health',
  'help',
  'hostmaster',
  'info',
  'instance',
  'login',
  'logout',
  'mail',
  'media',
  'moderator',
  'nobody',
  'noreply',
  'null',
  'oauth',
  'owner',
  'postmaster',
  'register',
  'relay',
  'root',
  'security',
  'settings',
  'staff',
  'status',
  'support',
  'system',
  'undefined',
  'users',
  'webmaster',
  'well_known',
  'www',
];

/** The form of a local user name. */
export const USERNAME = /^[a-z0-9_]{3,30}$/;

/** A mail address we take: one `@`, ASCII dot-atom before it, a DNS or IDN domain after it (contract.md §5.7). */
export function isEmailAddress(value: string): boolean {
  const [local = '', domain = '', ...rest] = value.split('@');
  if (rest.length > 0 || value.length > 254 || local.length > 64) return false;
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local) && isMailDomain(domain);
}

function isMailDomain(domain: string): boolean {
  return /^([\p{L}\p{N}]([\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])?\.)+[\p{L}][\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}]$/u.test(
    domain,
  );
}

/**
 * What an identifier may name (contract.md §0.10): the mail address first, then the user name, with `@` and our own
 * domain taken off.
 */
export function readIdentifier(identifier: string, domain: string): { email: string | null; username: string | null } {
  const bare = identifier.startsWith('@') ? identifier.slice(1) : identifier;
  const username = bare.endsWith(`@${domain}`) ? bare.slice(0, -domain.length - 1) : bare;
  return {
    email: identifier.includes('@', 1) && !identifier.startsWith('@') ? identifier : null,
    username: USERNAME.test(username) ? username : null,
  };
}
