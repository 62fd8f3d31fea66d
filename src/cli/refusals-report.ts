import { type FileHandle, open, realpath } from 'node:fs/promises';
import { Mistake } from './mistake.js';
import type { PersonRow } from './people-file.js';
import { warn } from './terminal.js';

/** Where refused rows are told: a CSV file, or standard error; the first row is preceded by a header. */
export class RefusalsReport {
  private isBegun = false;

  private constructor(private readonly file: FileHandle | null) {}

  /**
   * Opens the report, in place of an earlier one.
   * @param source is not to be overwritten
   * @throws Mistake when the file cannot be written
   */
  static async open(path: string | undefined, source: string): Promise<RefusalsReport> {
    if (path === undefined) return new RefusalsReport(null);
    const existing = await realpath(path).catch(() => null);
    if (existing !== null && existing === (await realpath(source)))
      throw new Mistake('The report is the imported file');
    try {
      const report = new RefusalsReport(await open(path, 'w', 0o600));
      await report.begin();
      return report;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
      throw new Mistake(`${path} cannot be written${code}`);
    }
  }

  /** Writes one refused row. */
  async add({ line, person }: PersonRow, reason: string): Promise<void> {
    await this.begin();
    await this.write([String(line), readable(person?.username ?? ''), reason].map(quoted).join());
  }

  async close(): Promise<void> {
    await this.file?.close();
  }

  private async begin(): Promise<void> {
    if (!this.isBegun) await this.write('line,username,reason');
    this.isBegun = true;
  }

  private async write(line: string): Promise<void> {
    if (this.file === null) warn(line);
    else await this.file.write(`${line}\n`);
  }
}

/** A cell of a name may hold anything: a hash from another column, commands for a terminal or a spreadsheet. */
function readable(name: string): string {
  return /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.@ -]{0,29}$/u.test(name) || name === '' ? name : '(not shown)';
}

function quoted(cell: string): string {
  return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
