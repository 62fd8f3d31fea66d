/** What the accounts of a list are to the person who uploads it. */
export type ListKind = 'follow' | 'block' | 'mute';

/** A file as it was uploaded, or a text field (without a name). */
export interface UploadedList {
  bytes: Buffer;
  fileName: string | null;
}

/** `mastodon_csv`: with the header of Mastodon's exports; `csv`: other cells; `words`: accounts between white space. */
export type Dialect = 'mastodon_csv' | 'csv' | 'words';

/** How the characters of a list are written. */
export type ListEncoding = 'utf-8' | 'utf-16le' | 'utf-16be';

/** What a follow asks for; languages null: all. */
export interface FollowOptions {
  reblogs: boolean;
  notify: boolean;
  languages: string[] | null;
}

/** What a mute hides besides posts. */
export interface MuteOptions {
  notifications: boolean;
}

/** The options of a row; a block has none. */
export type RowOptions = FollowOptions | MuteOptions | Record<string, never>;

/** What can be known against a row without looking its account up (contract.md §7.4). */
export type RowReason = 'not_a_handle' | 'bad_encoding' | 'self' | 'duplicate' | 'host_not_allowed';

/** One account of the list. */
export interface ListRow {
  /** From 1 in the file: where its record begins. */
  line: number;
  /** `user` of ours or `user@host`; where it is no handle, what stands there, cut and without control characters. */
  handle: string;
  /** Null where it is no handle. */
  username: string | null;
  /** Null for an account of ours; as `readHost` writes it. */
  host: string | null;
  options: RowOptions;
  /** Null: to be looked up. */
  reason: RowReason | null;
}

/** What is told about a list as a whole. */
export interface ListFacts {
  dialect: Dialect;
  encoding: ListEncoding;
  warnings: { code: 'wrong_kind'; message: string }[];
}

/** Nothing of the list is taken; the message is contract.md §7.1's sentence. */
export class ListRefused extends Error {
  override readonly name = 'ListRefused';
  readonly identifier: 'empty' | 'not_text' | 'too_many_rows';

  constructor(identifier: ListRefused['identifier'], sentence: string) {
    super(sentence);
    this.identifier = identifier;
  }
}

/** The refusal of what nobody could have meant as a list. */
export function notText(): ListRefused {
  return new ListRefused('not_text', 'The list is not a text or CSV file.');
}
