import { plainCell } from './layout.js';
import type { ListKind, RowOptions } from './list.js';

const SPELLINGS = new Map([
  ...['true', '1', 'yes', 'on'].map((word): [string, boolean] => [word, true]),
  ...['false', '0', 'no', 'off'].map((word): [string, boolean] => [word, false]),
]);

/** The form of a language tag (RFC 5646 §2.1), as far as posts are tagged. */
const LANGUAGE = /^[a-z]{2,3}(?:-[a-z\d]{2,8}){0,3}$/i;

const MAX_LANGUAGES = 50;

/** The options that a row's cells ask for; the default (contract.md §7.3) where one is empty or makes no sense. */
export function readOptions(
  kind: ListKind,
  cells: readonly string[],
  columns: ReadonlyMap<string, number>,
): RowOptions {
  const cell = (name: string) => plainCell(cells[columns.get(name) ?? -1] ?? '');
  const flag = (name: string, otherwise: boolean) => SPELLINGS.get(cell(name).toLowerCase()) ?? otherwise;
  switch (kind) {
    case 'follow':
      return {
        reblogs: flag('show boosts', true),
        notify: flag('notify on new posts', false),
        languages: readLanguages(cell('languages')),
      };
    case 'mute':
      return { notifications: flag('hide notifications', true) };
    default:
      return {};
  }
}

function readLanguages(cell: string): string[] | null {
  if (cell === '') return null;
  const tags = cell.split(',', MAX_LANGUAGES).map((tag) => tag.trim());
  const languages = [...new Set(tags.filter((tag) => LANGUAGE.test(tag)))];
  return languages.length === 0 ? null : languages;
}
