import type { NodemailerError } from 'nodemailer';
import { plainWords } from '../letters/plain-words.js';

/**
 * What the end of an attempt means: the server will never take this mail; it asks to come again; there is no server, or
 * none that takes anything from us; or the message was handed over and nothing was answered, so that it may have arrived.
 */
export type Verdict = 'refused' | 'later' | 'away' | 'unsure';

/** A mail did not go out, or may not have. The message holds the server's words, which may name the recipient. */
export class DeliveryFailed extends Error {
  constructor(
    readonly verdict: Verdict,
    cause: unknown,
  ) {
    super(wordsOf(cause), { cause });
  }

  /** What of it may be logged: codes, but not the server's words. */
  get code(): string {
    const { cause } = this;
    if (!isMailError(cause)) return 'unknown';
    const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(cause.response ?? '')?.[1];
    return [cause.originalCode ?? cause.code, cause.responseCode, enhanced].filter((part) => part).join(' ');
  }
}

/** Tells what a failure of the library means; `isHandedOver` when the whole message had been written to the server. */
export function judge(error: unknown, isHandedOver: boolean): Verdict {
  if (!isMailError(error)) return 'away';
  const { code, command, responseCode, permanent } = error;
  if (responseCode === 421) return 'away';
  // Only what is answered to the recipient or the message is about this mail. Greetings, logins and senders are ours.
  if (responseCode !== undefined && (command === 'RCPT TO' || command === 'DATA'))
    return permanent ? 'refused' : 'later';
  if (responseCode === undefined && (code === 'EENVELOPE' || code === 'EMESSAGE')) return 'refused';
  return isHandedOver && responseCode === undefined ? 'unsure' : 'away';
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const words = plainWords((isMailError(error) && error.response) || error.message, 300);
  // Filters of spam quote the links that they dislike.
  return words.replace(/[\w-]{43,}/g, '…');
}

function isMailError(error: unknown): error is NodemailerError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
