import { Refusal } from '../common/errors.js';
import { coversAny } from '../common/scopes.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';

/** Every kind. */
export const KINDS: readonly RelationshipKind[] = ['follow', 'block', 'mute'];

/** What changes something of a kind (contract.md §7.1); alternatives. */
export function writeScopes(kind: RelationshipKind): string[] {
  return ['follow', `write:${kind}s`];
}

/** What may look at something of a kind (contract.md §7.5); alternatives. */
export function readScopes(kind: RelationshipKind): string[] {
  return ['follow', `read:${kind}s`, `write:${kind}s`];
}

/** What opens any of the reading routes; the kind of the import decides further. */
export const ANY_READ = [...new Set(KINDS.flatMap(readScopes))];

/** What opens any of the changing ones. */
export const ANY_WRITE = [...new Set(KINDS.flatMap(writeScopes))];

/** The kinds that a token may read. */
export function readableKinds(scopes: readonly string[]): RelationshipKind[] {
  return KINDS.filter((kind) => coversAny(scopes, readScopes(kind)));
}

/** @throws Refusal `insufficient_scope` */
export function demandScopes(held: readonly string[], alternatives: string[]): void {
  if (!coversAny(held, alternatives)) throw new Refusal('insufficient_scope', undefined, { scopes: alternatives });
}

const SPELLINGS: Record<string, RelationshipKind> = {
  follow: 'follow',
  follows: 'follow',
  following: 'follow',
  followings: 'follow',
  block: 'block',
  blocks: 'block',
  blocking: 'block',
  blockings: 'block',
  mute: 'mute',
  mutes: 'mute',
  muting: 'mute',
  mutings: 'mute',
};

/** @throws Refusal `rejected` for what is no kind (contract.md §7.2) */
export function readKind(text: string): RelationshipKind {
  const word = text.trim().toLowerCase();
  const kind = Object.hasOwn(SPELLINGS, word) ? SPELLINGS[word] : undefined;
  if (!kind) throw new Refusal('rejected', 'kind must be follow, block or mute.');
  return kind;
}
