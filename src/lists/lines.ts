import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ListEncoding, notText } from './list.js';
import { decode, type Recognised } from './recognise.js';

/** A line that is not blank, or with spaces to cut at, a part of it. */
export interface Line {
  /** From 1 in the file. */
  number: number;
  text: string;
  /** It does not decode (U+FFFD stands for what does not), or holds NUL. */
  isBroken: boolean;
}

/** So many bytes are worked on at once: never 20 MB of text beside 20 MB of file, never a long time. */
const BLOCK_BYTES = 8192;

/** A longer line is no list, but would have to be held and searched whole. */
const MAX_LINE_BYTES = 1_048_576;

/** After so many milliseconds others have their turn. */
const TURN = 10;

/**
 * The lines of a list (LF, CRLF or CR) that are not blank, some at a time; the event loop turns in between.
 * @param cuts characters behind which a line may be cut as well
 * @throws ListRefused when a line has no end
 */
export async function* readLines(
  bytes: Buffer,
  { encoding, start }: Pick<Recognised, 'encoding' | 'start'>,
  cuts: string,
): AsyncGenerator<Line[]> {
  let number = 1;
  let turnedAt = performance.now();
  for (let at = start; at < bytes.length;) {
    const end = findEnd(bytes, at, encoding, cuts);
    const { lines, breaks } = linesOf(bytes.subarray(at, end), encoding, number);
    yield lines;
    number += breaks;
    at = end;
    if (performance.now() - turnedAt > TURN) {
      await nextTurn();
      turnedAt = performance.now();
    }
  }
}

/** Where the block ends: behind its last line break or cut, so that no line or character lies in two. */
function findEnd(bytes: Buffer, at: number, encoding: ListEncoding, cuts: string): number {
  for (let size = BLOCK_BYTES; at + size < bytes.length; size *= 2) {
    const block = bytes.subarray(at, at + size);
    // ASCII is never a part of another character in UTF-8.
    const view = encoding === 'utf-8' ? block.toString('latin1') : decode(block, encoding);
    // Behind a CR at the very end, an LF may follow.
    const breaks = [view.lastIndexOf('\n'), view.lastIndexOf('\r', view.length - 2)];
    const length = Math.max(...breaks, ...Array.from(cuts, (cut) => view.lastIndexOf(cut))) + 1;
    if (length > 0) return at + (encoding === 'utf-8' ? length : length * 2);
    if (size >= MAX_LINE_BYTES) throw notText();
  }
  return bytes.length;
}

/** The lines of a block that are not blank, and how many line breaks it has. */
function linesOf(block: Buffer, encoding: ListEncoding, first: number): { lines: Line[]; breaks: number } {
  const isText = encoding !== 'utf-8' || isUtf8(block);
  const texts = (isText ? decode(block, encoding) : block.toString('latin1')).split(/\r\n|[\n\r]/);
  // Half a character at the end of the file breaks the last line, as half a surrogate pair would.
  if (encoding !== 'utf-8' && block.length % 2 === 1) texts.push(`${texts.pop() ?? ''}\ud800`);
  const lines: Line[] = [];
  for (const [index, text] of texts.entries()) {
    // An empty one is cheap to pass over: a file may be nothing else.
    if (text === '') continue;
    const line = isText ? soundLine(text) : bytesLine(Buffer.from(text, 'latin1'));
    if (line.text.trim() !== '') lines.push({ number: first + index, ...line });
  }
  return { lines, breaks: texts.length - 1 };
}

function soundLine(text: string): Omit<Line, 'number'> {
  return { text: text.toWellFormed(), isBroken: text.includes('\0') || !text.isWellFormed() };
}

function bytesLine(bytes: Buffer): Omit<Line, 'number'> {
  const { text, isBroken } = soundLine(bytes.toString('utf8'));
  return { text, isBroken: isBroken || !isUtf8(bytes) };
}
