import { MASTODON_COLUMNS } from './layout.js';
import type { ListFacts, ListKind } from './list.js';

/** How the files are called that Mastodon, Pleroma-FE and Misskey export, by what they list. */
const FILE_NAMES: readonly [kind: ListKind | null, pattern: RegExp, name: string][] = [
  [null, /^(?:domain_blocks|blocked_domains)/, 'a list of blocked servers'],
  [null, /^bookmarks/, 'a list of bookmarks'],
  [null, /^lists/, 'the members of lists'],
  ['follow', /^(?:follow(?:s|ing|ers)?|friends)(?![a-z])/, 'a follow list'],
  ['block', /^block(?:s|ing|ed_accounts)?(?![a-z])/, 'a block list'],
  ['mute', /^(?:mut(?:e|ing)|mutes|muted_accounts)(?![a-z])/, 'a mute list'],
];

const KINDS: readonly ListKind[] = ['follow', 'mute'];

/** What hints that the list was meant for another kind of import: its columns, or else its file's name. */
export function warningsOf(
  kind: ListKind,
  header: readonly string[] | null,
  fileName: string | null,
): ListFacts['warnings'] {
  const message = columnsMessage(kind, header ?? []) ?? nameMessage(kind, fileName ?? '');
  return message === null ? [] : [{ code: 'wrong_kind', message }];
}

function columnsMessage(kind: ListKind, header: readonly string[]): string | null {
  const optionsOf = (of: ListKind) => MASTODON_COLUMNS[of].slice(1).filter((name) => header.includes(name));
  if (optionsOf(kind).length > 0) return null;
  const other = KINDS.find((of) => optionsOf(of).length > 0);
  return other === undefined ? null : `The columns look like a ${other} list.`;
}

function nameMessage(kind: ListKind, fileName: string): string | null {
  const base = fileName.toLowerCase().replace(/^.*[\\/]/, '');
  const [found, , name] = FILE_NAMES.find(([, pattern]) => pattern.test(base)) ?? [kind];
  return found === kind ? null : `The file name looks like ${name}.`;
}
