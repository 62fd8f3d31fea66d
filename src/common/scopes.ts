const READ = [
  'accounts',
  'backups',
  'blocks',
  'bookmarks',
  'favourites',
  'filters',
  'follows',
  'lists',
  'mutes',
  'notifications',
  'search',
  'security',
  'statuses',
];
const WRITE = [
  'accounts',
  'blocks',
  'bookmarks',
  'conversations',
  'favourites',
  'filters',
  'follows',
  'lists',
  'media',
  'mutes',
  'notifications',
  'reports',
  'security',
  'statuses',
];

/** Every scope word we understand (contract.md §0.5). */
export const KNOWN_SCOPES: readonly string[] = [
  'read',
  'write',
  'follow',
  'push',
  'profile',
  'admin',
  'admin:read',
  'admin:write',
  ...READ.map((word) => `read:${word}`),
  ...WRITE.map((word) => `write:${word}`),
];

const KNOWN = new Set(KNOWN_SCOPES);
const FOLLOW = new Set(['follows', 'blocks', 'mutes'].flatMap((word) => [`read:${word}`, `write:${word}`]));

/** Whether we know the word; unknown but well-formed words are remembered with a client and never granted. */
export function isKnownScope(word: string): boolean {
  return KNOWN.has(word);
}

/** Whether a word could be a scope at all (a subset of RFC 6749 §3.3). */
export function isScopeWord(word: string): boolean {
  return /^[A-Za-z0-9_.:-]{1,100}$/.test(word);
}

/** Whether granted words cover one wanted word: itself, its parent, or `follow`; set membership, never substrings. */
export function covers(granted: readonly string[], wanted: string): boolean {
  return granted.some(
    (word) => word === wanted || wanted.startsWith(`${word}:`) || (word === 'follow' && FOLLOW.has(wanted)),
  );
}

/** Whether any of the alternatives is covered. */
export function coversAny(granted: readonly string[], alternatives: readonly string[]): boolean {
  return alternatives.some((wanted) => covers(granted, wanted));
}

/**
 * Reads the `scope` parameter of an OAuth request: words separated by exactly one space (RFC 6749 §3.3).
 * Returns null when an item is empty.
 */
export function readScope(scope: string): string[] | null {
  const words = scope.split(' ');
  return words.includes('') ? null : [...new Set(words)];
}

/** The words of a wanted scope that a person may really be granted: known ones, and `admin…` for staff only. */
export function grantable(words: readonly string[], isStaff: boolean): string[] {
  return words.filter((word) => KNOWN.has(word) && (isStaff || !/^admin(:|$)/.test(word)));
}

/** What a scope word lets a client do, in words for the consent page. */
export function describeScope(word: string): string {
  const [verb = '', object] = word.split(':');
  const subject = object ? `your ${object}` : 'everything in your account';
  if (verb === 'read') return `See ${subject}`;
  if (verb === 'write') return `Change ${subject}`;
  if (verb === 'follow') return 'See and change whom you follow, block and mute';
  if (verb === 'push') return 'Send you push notifications';
  if (verb === 'profile') return 'See your name and picture';
  return object === 'read' ? 'See the administration of this instance' : 'Administer this instance';
}
