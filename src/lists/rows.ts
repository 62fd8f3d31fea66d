import { type Handle, handleOf, MAX_HANDLE } from './handle.js';
import { isPublicName } from './host.js';
import { ACCOUNT, type Layout, plainCell } from './layout.js';
import type { ListKind, ListRow } from './list.js';
import type { ListRecord } from './records.js';
import { readOptions } from './row-options.js';

/** What rows are judged by. */
export interface RowRules {
  kind: ListKind;
  /** The caller's user name. */
  self: string;
  /** Development only (contract.md §1, `imports.allow_private_hosts`): no host is refused for its name. */
  allowPrivateHosts?: boolean;
}

/** Makes rows of the accounts of one list, in its order: whoever comes again is a duplicate. */
export function rowMaker(
  { kind, self, allowPrivateHosts = false }: RowRules,
  columns: Layout['columns'],
  readHandle: (text: string) => Handle | null,
): (record: ListRecord) => ListRow {
  const seen = new Set<string>();
  const ownName = self.toLowerCase();
  const accountAt = columns.get(ACCOUNT) ?? 0;
  const reasonOf = (handle: string, { username, host }: Handle): ListRow['reason'] => {
    if (host === null && username === ownName) return 'self';
    if (seen.has(handle)) return 'duplicate';
    seen.add(handle);
    return host === null || allowPrivateHosts || isPublicName(host) ? null : 'host_not_allowed';
  };
  return ({ line, text, isBroken, cells }) => {
    const options = readOptions(kind, isBroken ? [] : (cells ?? []), columns);
    const written = plainCell(cells?.[accountAt] ?? '');
    const read = isBroken || written === '' ? null : readHandle(written);
    if (read === null) {
      const reason = isBroken ? 'bad_encoding' : 'not_a_handle';
      return { line, handle: storable(written || text), username: null, host: null, options, reason };
    }
    const handle = handleOf(read);
    return { line, handle, ...read, options, reason: reasonOf(handle, read) };
  };
}

/** What a database and a table on a screen take: no control characters, no half characters, no novel. */
function storable(text: string): string {
  const cut = text
    .trim()
    .slice(0, MAX_HANDLE)
    .replace(/[\uD800-\uDBFF]$/, '')
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '\ufffd');
  // Well-formed, and a copy: a slice would keep the text of its whole block.
  return Buffer.from(cut).toString();
}
