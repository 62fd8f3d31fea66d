/** What went wrong with a sign-in, as a person reads it. */
export interface LoginProblem {
  /** Our own words for the code. */
  words: string;
  /** The description from the URL, as plain text; anybody can have written it. */
  description: string | null;
}

/** The longest description that is shown, in characters (contract.md §2.3). */
const MAX_DESCRIPTION = 200;

/** By code of an account's state, where there is one, else by error code. */
const WORDS = new Map([
  ['account_is_disabled', 'This account was disabled by the people who run this instance.'],
  ['missing_confirmed_email', 'Confirm your e-mail address before you sign in: we have sent you the link again.'],
  ['awaiting_approval', 'This account still waits for somebody to approve it.'],
  ['password_reset_required', 'This account needs a new password before it can sign in.'],
  ['invalid_grant', 'Signing in did not work. Check what you typed and try again.'],
  ['login_required', 'Please sign in to go on.'],
  ['access_denied', 'This account may not sign in.'],
  ['invalid_request', 'The sign-in could not go on. Please try again.'],
  ['invalid_scope', 'The app asked for a permission that it cannot have.'],
  ['unsupported_response_type', 'The app asked for a kind of sign-in that is not offered here.'],
  ['temporarily_unavailable', 'Signing in is not possible for the moment. Please try again soon.'],
  ['server_error', 'Something went wrong on our side. Please try again.'],
]);

const UNKNOWN = 'The sign-in did not work.';

/** Reads the problem that a form post bounced back with, or null. */
export function readLoginProblem(query: {
  error?: unknown;
  error_description?: unknown;
  identifier?: unknown;
}): LoginProblem | null {
  const { error, error_description: description, identifier } = query;
  if (error === undefined) return null;
  const words = [identifier, error].map((code) => WORDS.get(String(code))).find((found) => found !== undefined);
  return { words: words ?? UNKNOWN, description: typeof description === 'string' ? plainText(description) : null };
}

/** Without control and direction characters, and not too long. */
export function plainText(text: string): string | null {
  const plain = text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
  return plain === '' ? null : [...plain].slice(0, MAX_DESCRIPTION).join('');
}
