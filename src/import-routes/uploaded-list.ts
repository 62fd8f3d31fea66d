import { UploadedFile } from '../common/body-parsers.js';
import { listTooLarge } from '../common/errors.js';
import type { Config } from '../config/config.js';
import type { UploadedList } from '../lists/list.js';

/** The bytes of a list, however it was sent. @throws Refusal when there are too many of them */
export function uploadedList(list: string | UploadedFile, { imports }: Config): UploadedList {
  const bytes = list instanceof UploadedFile ? list.bytes : Buffer.from(list);
  if (bytes.length > imports.max_bytes) throw listTooLarge(imports.max_bytes);
  const fileName = list instanceof UploadedFile ? baseName(list.fileName) : null;
  return { bytes, fileName };
}

/** A name to show and to guess from; never a path. */
function baseName(name: string | null): string | null {
  const plain =
    (name ?? '')
      .replace(/\p{Cc}/gu, ' ')
      .split(/[/\\]/)
      .at(-1)
      ?.trim() ?? '';
  // Not between the halves of a character.
  return plain === '' ? null : plain.slice(0, 200).replace(/[\uD800-\uDBFF]$/, '');
}
