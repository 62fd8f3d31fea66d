import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';

/** One file of an archive; its text is asked for when its turn comes. */
export interface ArchiveFile {
  name: string;
  text: () => Iterable<string> | AsyncIterable<string>;
}

/**
 * Packs files one after the other into a ZIP archive; only the compressed bytes are kept in memory.
 * @throws whatever the text of a file throws
 */
export function packFiles(files: readonly ArchiveFile[]): Promise<Buffer> {
  const zip = new ZipFile();
  const { promise: failure, reject } = Promise.withResolvers<never>();
  zip.on('error', reject);
  for (const { name, text } of files) {
    zip.addReadStreamLazy(name, (give) => {
      const stream = Readable.from(text());
      stream.on('error', reject);
      give(null, stream);
    });
  }
  zip.end();
  return Promise.race([failure, buffer(zip.outputStream)]);
}

/** Rows that arrive in pages as one JSON array, a row a line. */
export async function* jsonArray(pages: AsyncIterable<readonly object[]>): AsyncGenerator<string> {
  let before = '[';
  for await (const rows of pages) {
    for (const row of rows) {
      yield `${before}\n${JSON.stringify(row)}`;
      before = ',';
    }
  }
  yield before === '[' ? '[]\n' : '\n]\n';
}
