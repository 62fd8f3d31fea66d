import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import type { ImportedPerson } from '../users/name-register.js';
import { Mistake } from './mistake.js';
import { folded } from './terminal.js';

/** One row of the file: somebody, or why nobody can be read from it. */
export interface PersonRow {
  line: number;
  person: ImportedPerson | null;
  problem: string | null;
}

interface ParsedRow {
  info: { lines: number };
  record: string[];
}

const COLUMNS = ['username', 'email', 'display_name', 'password_hash'] as const;

const CSV = {
  info: true,
  relax_column_count: true,
  skip_empty_lines: true,
  record_delimiter: ['\r\n', '\n', '\r'],
  // A quote that is never closed must not bring the whole file into memory; in bytes.
  max_record_size: 65_536,
};

/**
 * Reads the file to its end, so that nothing is imported from one that cannot be read whole.
 * @throws Mistake
 */
export async function checkPeopleFile(path: string): Promise<void> {
  const rows = readPeople(path);
  while (!(await rows.next()).done);
}

/**
 * The people of a CSV file in UTF-8, row by row; the order of its columns is free.
 * @throws Mistake when it is no such file
 */
export async function* readPeople(path: string): AsyncGenerator<PersonRow> {
  try {
    if (!(await stat(path)).isFile()) throw new Mistake(`${path} is not a file`);
    const parser = parse(CSV);
    // The failure of either end comes out of the parser, too.
    pipeline(Readable.from(readText(path)), parser).catch(() => {});
    let header: string[] | null = null;
    const rows: AsyncIterable<ParsedRow> = parser;
    for await (const { info, record } of rows) {
      if (header === null) header = readHeader(record);
      else yield { line: info.lines, ...readRow(header, record) };
    }
    if (header === null) throw new Mistake(`${path} is empty`);
  } catch (error) {
    throw error instanceof Mistake ? error : new Mistake(`${path} ${faultOf(error)}`);
  }
}

async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const chunks: AsyncIterable<Buffer> = createReadStream(path);
  for await (const chunk of chunks) {
    if (chunk.includes(0)) throw new Mistake(`${path} is not a text file`);
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

function readHeader(record: string[]): string[] {
  const header = record.map(folded);
  const known: readonly string[] = COLUMNS;
  const strange = header.find((name) => !known.includes(name));
  // What is no name may be a row of data, and hold a hash.
  if (strange !== undefined) {
    throw new Mistake(
      `${/^[\w -]{1,30}$/.test(strange) ? `The column ${strange}` : 'A column'} is not known: ${WANTED}`,
    );
  }
  const missing = COLUMNS.find((name) => !header.includes(name));
  if (missing !== undefined) throw new Mistake(`The column ${missing} is missing: ${WANTED}`);
  if (header.length > COLUMNS.length) throw new Mistake(`A column is there twice: ${WANTED}`);
  return header;
}

const WANTED = `the first line must be ${COLUMNS.join()}, in any order`;

function readRow(header: string[], record: string[]): Omit<PersonRow, 'line'> {
  if (record.length !== header.length) {
    return { person: null, problem: `number of columns is ${record.length} instead of ${header.length}` };
  }
  const cell = (name: (typeof COLUMNS)[number]) => record[header.indexOf(name)]?.trim() ?? '';
  const person = {
    username: folded(cell('username')),
    email: folded(cell('email')) || null,
    displayName: cell('display_name'),
    passwordHash: cell('password_hash') || null,
  };
  return { person, problem: null };
}

/** Never with what the file holds. */
function faultOf(error: unknown): string {
  if (error instanceof CsvError) {
    if (error.code === 'CSV_MAX_RECORD_SIZE') return 'has a row that does not end: a quote may be left open';
    return `has a quote out of place${'lines' in error ? ` near line ${String(error.lines)}` : ''}`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8';
  if (code === 'ENOENT') return 'does not exist';
  return `cannot be read (${code || String(error)})`;
}
