/** One line of a CSV file (RFC 4180). */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => quoted(harmless(cell))).join(',')}\r\n`;
}

/** A whole file, a piece for each page of rows. */
export async function* csvLines<Row>(
  header: readonly string[] | null,
  pages: AsyncIterable<readonly Row[]>,
  cellsOf: (row: Row) => readonly string[],
): AsyncGenerator<string> {
  if (header) yield csvLine(header);
  for await (const rows of pages) yield rows.map((row) => csvLine(cellsOf(row))).join('');
}

/** What a spreadsheet would take for a formula is shown to it as text (OWASP, CSV injection). */
function harmless(cell: string): string {
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
