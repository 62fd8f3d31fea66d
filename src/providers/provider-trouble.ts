import { CircuitOpen } from '../outgoing/circuit-breaker.js';
import { FetchFailed, FetchRefused } from '../outgoing/guarded-fetch.js';

/**
 * What became of a sign-in at a provider: it could not be reached in time, what it said cannot be trusted or was an
 * error, or the person said no.
 */
export type TroubleKind = 'unavailable' | 'refused' | 'denied';

/** A provider did not vouch; the message is for the log and the operator, and holds no secret. */
export class ProviderTrouble extends Error {
  constructor(
    readonly kind: TroubleKind,
    message: string,
    options: ErrorOptions = {},
  ) {
    super(message, options);
  }
}

/** Whether an error, or what caused it, is that somebody could not be reached in time. */
export function isUnreachable(error: unknown): boolean {
  return causes(error).some(
    (cause) =>
      cause instanceof FetchFailed ||
      cause instanceof FetchRefused ||
      cause instanceof CircuitOpen ||
      (cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError')),
  );
}

/** An error and what caused it in a few words; never a body, which may hold tokens. */
export function inWords(error: unknown): string {
  return causes(error)
    .filter((cause) => cause instanceof Error)
    .map(wordsOf)
    .join(': ');
}

function wordsOf(error: Error): string {
  // What fails to parse is quoted by the engine.
  if (error instanceof SyntaxError) return 'it does not parse';
  // What a token endpoint answers, such as `invalid_client` (RFC 6749 §5.2).
  const code =
    'error' in error && typeof error.error === 'string' && /^[a-z_]{1,60}$/.test(error.error)
      ? ` (${error.error})`
      : '';
  return error.message.replace(/\p{Cc}/gu, ' ').slice(0, 200) + code;
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let cause = error; cause !== undefined && cause !== null && chain.length < 8;) {
    chain.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return chain;
}
