import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Mistake } from './mistake.js';
import { checkPeopleFile, type PersonRow, readPeople } from './people-file.js';

const HEADER = 'username,email,display_name,password_hash\n';
const HASH = '$2a$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG';
const WANTED = 'the first line must be username,email,display_name,password_hash, in any order';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-people-'));
const path = join(folder, 'people.csv');
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: string | Buffer): Promise<PersonRow[]> {
  writeFileSync(path, content);
  const rows: PersonRow[] = [];
  for await (const row of readPeople(path)) rows.push(row);
  return rows;
}

describe('readPeople', () => {
  it('reads people, folding names and addresses, whatever the order of the columns', async () => {
    const rows = await read(
      `Display_Name,password_hash, EMAIL ,username\n"Alice, A.",${HASH}, Alice@Example.ORG , Alice\n`,
    );
    expect(rows).toEqual([
      {
        line: 2,
        person: { username: 'alice', email: 'alice@example.org', displayName: 'Alice, A.', passwordHash: HASH },
        problem: null,
      },
    ]);
  });

  it.each([
    ['lines that end as on Windows', `${HEADER}alice,a@example.org,Alice,${HASH}\n`.replaceAll('\n', '\r\n')],
    ['ends of both kinds', `${HEADER}alice,a@example.org,Alice,${HASH}\r\n`],
    ['a byte order mark', `\uFEFF${HEADER}alice,a@example.org,Alice,${HASH}`],
    [
      'quotes everywhere',
      `"username","email","display_name","password_hash"\n"alice","a@example.org","Alice","${HASH}"\n`,
    ],
    ['empty lines', `${HEADER}\n\nalice,a@example.org,Alice,${HASH}\n\n`],
  ])('reads a file with %s', async (_, content) => {
    const [row] = await read(content);
    const person = { username: 'alice', email: 'a@example.org', displayName: 'Alice', passwordHash: HASH };
    expect(row).toMatchObject({ person, problem: null });
  });

  it('takes empty cells for nothing, and doubled quotes for one', async () => {
    const [row] = await read(`${HEADER}alice,,"Al ""the"" ice",\n`);
    expect(row?.person).toEqual({ username: 'alice', email: null, displayName: 'Al "the" ice', passwordHash: null });
  });

  it('tells rows of another width by their line and reads on', async () => {
    expect(await read(`${HEADER}alice\nbob,,,,\ncarol,,,\n`)).toEqual([
      { line: 2, person: null, problem: 'number of columns is 1 instead of 4' },
      { line: 3, person: null, problem: 'number of columns is 5 instead of 4' },
      expect.objectContaining({ line: 4, problem: null }),
    ]);
  });

  it('reads a character that falls on the border of two chunks', async () => {
    const filler = 'x'.repeat(65_535 - HEADER.length - 'alice,,'.length - 30_000);
    const rows = await read(`${HEADER}bob,,${'y'.repeat(29_993)},\nalice,,${filler}é,\n`);
    expect(rows[1]?.person?.displayName).toBe(`${filler}é`);
  });
});

describe('checkPeopleFile', () => {
  it.each<[string, string | Buffer, string]>([
    ['nothing', '', `${path} is empty`],
    ['a further column', `role,${HEADER}`, `The column role is not known: ${WANTED}`],
    ['a missing column', 'username,email,password_hash\n', `The column display_name is missing: ${WANTED}`],
    ['a column twice', `username,${HEADER}`, `A column is there twice: ${WANTED}`],
    ['no header', `alice,a@example.org,Alice,${HASH}\n`, `The column alice is not known: ${WANTED}`],
    ['no header, and the hash first', `${HASH},alice\n`, `A column is not known: ${WANTED}`],
    ['a NUL', `${HEADER}ali\0ce,,,\n`, `${path} is not a text file`],
    ['UTF-16', Buffer.from(HEADER, 'utf16le'), `${path} is not a text file`],
    ['Latin 1', Buffer.from(`${HEADER}alice,,Jörg,\n`, 'latin1'), `${path} is not UTF-8`],
    ['a cut off character', Buffer.from(`${HEADER}alice,,é`).subarray(0, -1), `${path} is not UTF-8`],
    ['a quote within a cell', `${HEADER}alice,,5" disk,\n`, `${path} has a quote out of place near line 2`],
    ['a quote that ends early', `${HEADER}alice,,"Ali"ce,\n`, `${path} has a quote out of place near line 2`],
    ['an open quote', `${HEADER}alice,,"Alice,\nbob,,,\n`, `${path} has a quote out of place near line 3`],
    [
      'an open quote before much',
      `${HEADER}alice,,"Alice,\n${'bob,,,\n'.repeat(20_000)}`,
      `${path} has a row that does not end: a quote may be left open`,
    ],
  ])('refuses %s, never telling a hash', async (_, content, message) => {
    writeFileSync(path, content);
    await expect(checkPeopleFile(path)).rejects.toThrow(new Mistake(message));
  });

  it('refuses what is no file', async () => {
    await expect(checkPeopleFile(folder)).rejects.toThrow(new Mistake(`${folder} is not a file`));
    await expect(checkPeopleFile(`${path}.gone`)).rejects.toThrow(new Mistake(`${path}.gone does not exist`));
  });

  it('accepts a file without people', async () => {
    writeFileSync(path, HEADER);
    await expect(checkPeopleFile(path)).resolves.toBeUndefined();
  });
});
