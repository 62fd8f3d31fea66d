import { type ListEncoding, notText } from './list.js';

/** What the first bytes of a list tell. */
export interface Recognised {
  encoding: ListEncoding;
  /** Where its text begins: after the byte order mark. */
  start: number;
  /** Its first characters, decoded as well as can be. */
  head: string;
}

const HEAD_BYTES = 65_536;

/** How files begin that are often at hand where a list is wanted; a character for a byte. */
const SIGNATURES = [
  'PK\x03\x04', // zip: xlsx, ods, numbers, archives of accounts
  'PK\x05\x06',
  'PK\x07\x08',
  '\x1f\x8b', // gzip
  '%PDF-',
  '\x89PNG\r\n',
  '\xff\xd8\xff', // JPEG
  '7z\xbc\xaf\x27\x1c',
  '\xfd7zXZ\0',
  '\x28\xb5\x2f\xfd', // zstd
  'Rar!\x1a\x07',
  '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', // xls, doc
  'SQLite format 3\0',
  '\x7fELF',
];

/** The same where it takes more than a beginning. */
const PATTERNS = [
  // A handle may begin like this, but does not go on so.
  /^GIF8[79]a(?:[^\w.@-]|$|[^]{0,6}\0)/,
  /^RIFF[^]{4}(?:WEBP|WAVE|AVI )/,
  /^\0\0[^]{2}ftyp/, // HEIC, AVIF, MP4
  /^BZh[1-9]1AY&SY/, // bzip2
  /^[^]{257}ustar/, // tar
];

/**
 * How the list is encoded.
 * @throws ListRefused when it is no text
 */
export function recognise(bytes: Buffer): Recognised {
  const raw = bytes.toString('latin1', 0, 512);
  if (SIGNATURES.some((signature) => raw.startsWith(signature)) || PATTERNS.some((pattern) => pattern.test(raw))) {
    throw notText();
  }
  const { encoding, start } = findEncoding(bytes);
  const head = decode(bytes.subarray(start, start + HEAD_BYTES), encoding);
  if (isBinary(head)) throw notText();
  return { encoding, start, head };
}

/** The text of whole characters; what does not decode becomes U+FFFD in UTF-8, and stays a lone surrogate in UTF-16. */
export function decode(bytes: Buffer, encoding: ListEncoding): string {
  if (encoding === 'utf-8') return bytes.toString('utf8');
  const pairs = bytes.subarray(0, bytes.length & ~1);
  return (encoding === 'utf-16le' ? pairs : Buffer.from(pairs).swap16()).toString('utf16le');
}

function findEncoding(bytes: Buffer): { encoding: ListEncoding; start: number } {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { encoding: 'utf-8', start: 3 };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { encoding: 'utf-16le', start: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { encoding: 'utf-16be', start: 2 };
  const [even, odd] = zeroShares(bytes.subarray(0, 4096));
  if (odd > 0.5 && even < 0.1) return { encoding: 'utf-16le', start: 0 };
  if (even > 0.5 && odd < 0.1) return { encoding: 'utf-16be', start: 0 };
  return { encoding: 'utf-8', start: 0 };
}

/** How many of the bytes at even and at odd places are zero: in UTF-16, every other byte of a handle is. */
function zeroShares(bytes: Buffer): [number, number] {
  const zeros: [number, number] = [0, 0];
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === 0) zeros[at % 2 === 0 ? 0 : 1]++;
  return [zeros[0] / Math.ceil(bytes.length / 2), zeros[1] / Math.floor(bytes.length / 2)];
}

/** A few control characters are a fault of their rows; so are bytes that do not decode, but not with control characters. */
function isBinary(head: string): boolean {
  const control = count(head, /[^\P{Cc}\s]/gu);
  const undecoded = count(head, /\ufffd/g);
  return control > head.length * 0.3 || (control > head.length * 0.05 && control + undecoded > head.length * 0.5);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
