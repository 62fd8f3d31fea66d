/** Every refusal and fault we name; a typo does not compile. */
export type ErrorCode = keyof typeof CATALOGUE;

/** The one catalogue: per code the HTTP status, the fixed safe sentence, and the word for it in the OAuth dialect. */
const CATALOGUE = {
  malformed_request: { status: 400, sentence: 'Malformed request', oauth: 'invalid_request' },
  malformed_body: { status: 400, sentence: 'Malformed request body', oauth: 'invalid_request' },
  malformed_parameters: { status: 400, sentence: 'Malformed parameters', oauth: 'invalid_request' },
  duplicate_parameter: { status: 400, sentence: 'A parameter is given more than once', oauth: 'invalid_request' },
  invalid_characters: {
    status: 400,
    sentence: 'A parameter has characters that are not allowed',
    oauth: 'invalid_request',
  },
  unsupported_content_type: { status: 415, sentence: 'Unsupported content type', oauth: 'invalid_request' },
  body_too_large: { status: 413, sentence: 'Request body is too large', oauth: 'invalid_request' },
  url_too_long: { status: 414, sentence: 'URL is too long', oauth: 'invalid_request' },
  request_timeout: { status: 408, sentence: 'Request took too long', oauth: 'invalid_request' },
  several_tokens: {
    status: 400,
    sentence: 'Only one way to send the access token may be used',
    oauth: 'invalid_request',
  },
  token_missing: { status: 401, sentence: 'The access token is invalid', oauth: 'invalid_token' },
  token_invalid: { status: 401, sentence: 'The access token is invalid', oauth: 'invalid_token' },
  user_required: { status: 403, sentence: 'This method requires an authenticated user', oauth: 'invalid_token' },
  app_required: { status: 403, sentence: 'This method requires an app token', oauth: 'invalid_token' },
  account_is_disabled: { status: 403, sentence: 'Your login is currently disabled', oauth: 'access_denied' },
  missing_confirmed_email: {
    status: 403,
    sentence: 'Your login is missing a confirmed e-mail address',
    oauth: 'access_denied',
  },
  awaiting_approval: { status: 403, sentence: 'Your login is currently pending approval', oauth: 'access_denied' },
  password_reset_required: { status: 403, sentence: 'Password reset is required', oauth: 'access_denied' },
  insufficient_scope: { status: 403, sentence: 'Insufficient permissions', oauth: 'insufficient_scope' },
  /** An access token may be stolen; this needs a sign-in of minutes ago, or the password. */
  step_up_required: {
    status: 403,
    sentence: 'This needs a sign-in of just now, or the password',
    oauth: 'access_denied',
  },
  cross_site: { status: 403, sentence: 'Cross-site request refused', oauth: 'invalid_request' },
  not_allowed: { status: 403, sentence: 'This action is not allowed', oauth: 'access_denied' },
  not_found: { status: 404, sentence: 'Not found', oauth: 'invalid_request' },
  confirmation_not_awaited: {
    status: 403,
    sentence: 'This method is only available while the e-mail is awaiting confirmation',
    oauth: 'access_denied',
  },
  record_not_found: { status: 404, sentence: 'Record not found', oauth: 'invalid_request' },
  not_implemented: { status: 404, sentence: 'Not implemented', oauth: 'invalid_request' },
  link_invalid: { status: 404, sentence: 'This link is no longer valid', oauth: 'invalid_request' },
  /** In a state in which that cannot be done: always with a sentence of its own. */
  conflict: { status: 409, sentence: 'Not now', oauth: 'invalid_request' },
  gone: { status: 410, sentence: 'Gone', oauth: 'invalid_request' },
  method_not_allowed: { status: 405, sentence: 'Method not allowed', oauth: 'invalid_request' },
  /** Understood, and no: always with a sentence of its own. */
  rejected: { status: 422, sentence: 'Refused', oauth: 'invalid_request' },
  /** Pleroma's 400 for a kind of factor that there is not (contract.md §6.2). */
  undefined_method: { status: 400, sentence: 'undefined method', oauth: 'invalid_request' },
  /** The password was right, and a second factor is on (contract.md §2.5.3). */
  mfa_required: { status: 403, sentence: 'A second factor is required', oauth: 'access_denied' },
  /** Password and factor were right, and the account cannot be used (contract.md §2.5.3). */
  grant_blocked: { status: 403, sentence: 'The account cannot be used', oauth: 'access_denied' },
  wrong_code: { status: 400, sentence: 'Invalid code', oauth: 'invalid_grant' },
  throttled: { status: 429, sentence: 'Throttled', oauth: 'temporarily_unavailable' },
  internal: { status: 500, sentence: 'Internal server error', oauth: 'server_error' },
  unavailable: { status: 503, sentence: 'Service unavailable', oauth: 'temporarily_unavailable' },
  // RFC 6749 §4.1.2.1 and §5.2: the code is the word.
  invalid_request: { status: 400, sentence: 'The request is invalid', oauth: 'invalid_request' },
  invalid_client: { status: 401, sentence: 'Client authentication failed', oauth: 'invalid_client' },
  invalid_grant: { status: 400, sentence: 'The grant is invalid, expired or already used', oauth: 'invalid_grant' },
  invalid_scope: { status: 400, sentence: 'The scope is invalid', oauth: 'invalid_scope' },
  unauthorized_client: { status: 400, sentence: 'The client may not use this grant', oauth: 'unauthorized_client' },
  unsupported_grant_type: { status: 400, sentence: 'The grant type is not supported', oauth: 'unsupported_grant_type' },
  unsupported_response_type: {
    status: 400,
    sentence: 'The response type is not supported',
    oauth: 'unsupported_response_type',
  },
  login_required: { status: 400, sentence: 'Please sign in', oauth: 'login_required' },
  access_denied: { status: 403, sentence: 'The request was denied', oauth: 'access_denied' },
} as const satisfies Record<string, { status: number; sentence: string; oauth: string }>;

/** Facts that some refusals carry besides their sentence. */
export interface RefusalFacts {
  /** Seconds, for `Retry-After` (429, 503). */
  retryAfter?: number;
  /** For `Allow` (405, RFC 9110 §15.5.6). */
  allow?: string[];
  /** The alternatives of a missing scope (RFC 6750 §3.1). */
  scopes?: readonly string[];
  /** A stable code beside the sentence, as plain answers may carry it. */
  identifier?: string;
  /** The whole answer, where clients expect one of their own. */
  body?: object;
  /** Goes to the log, never to the client. */
  cause?: unknown;
}

/** A named refusal or fault; `message` is safe to show, `cause` goes to the log. */
export class Refusal extends Error {
  readonly status: number;
  readonly oauth: string;

  constructor(
    readonly code: ErrorCode,
    sentence?: string,
    readonly facts: RefusalFacts = {},
  ) {
    super(sentence ?? CATALOGUE[code].sentence, { cause: facts.cause });
    this.status = CATALOGUE[code].status;
    this.oauth = CATALOGUE[code].oauth;
  }
}

/** The only parameters ever echoed into a redirect to a page (contract.md §0.1). */
export interface OAuthParameters {
  client_id?: string;
  redirect_uri?: string;
  response_type?: string;
  scope?: string;
  state?: string;
  code_challenge?: string;
  code_challenge_method?: string;
}

/**
 * A refusal of an authorization request whose client and redirect URI are known to be right, so that it may be shown by
 * a redirect: to the client from the authorization page (RFC 6749 §4.1.2.1), to the login page from a form post.
 */
export class AuthorizationRefusal extends Refusal {
  constructor(
    code: ErrorCode,
    sentence: string,
    readonly parameters: OAuthParameters,
    /** Repeats the code of an account's state for frontends (contract.md §0.4). */
    readonly identifier?: string,
  ) {
    super(code, sentence);
  }
}

/** Why an identity was not linked, as the seed's two titles put it (contract.md §0.6, *link redirect*). */
export type LinkRefusalTitle = 'Account linking error' | 'Account already linked';

/** A refusal to link an identity: shown on the home page, where every frontend's settings begin. */
export class LinkRefusal extends Refusal {
  constructor(
    readonly title: LinkRefusalTitle,
    sentence: string,
  ) {
    super('rejected', sentence);
  }
}

/** What is wrong with one field of a request. */
export interface FieldProblem {
  field: string;
  kind: 'missing' | 'not_a_string' | 'invalid';
}

/** Missing or mistyped fields, named all at once (contract.md §0.6, "fields"). */
export class InvalidFields extends Refusal {
  constructor(
    readonly problems: FieldProblem[],
    /** 422 where the contract says so (§3.3.1 row 6), else 400. */
    override readonly status: 400 | 422 = 400,
  ) {
    super('invalid_request', problems.map(sentenceOf).join(' '));
  }
}

/** The sentence of one field problem (contract.md §0.6). */
export function sentenceOf({ field, kind }: FieldProblem): string {
  switch (kind) {
    case 'missing':
      return `Missing field: ${field}.`;
    case 'not_a_string':
      return `${field} - Invalid string.`;
    default:
      return `${field} - Invalid value.`;
  }
}

/** Mastodon's codes for a refused value. */
export type DetailCode =
  | 'ERR_BLANK'
  | 'ERR_INVALID'
  | 'ERR_TAKEN'
  | 'ERR_RESERVED'
  | 'ERR_BLOCKED'
  | 'ERR_TOO_SHORT'
  | 'ERR_TOO_LONG'
  | 'ERR_ACCEPTED'
  | 'ERR_INCLUSION';

/** What is wrong with one value of a record that was to be made. */
export interface Detail {
  field: string;
  error: DetailCode;
  description: string;
}

/** Values that were understood and refused, named all at once (contract.md §0.6, "details"). */
export class ValidationFailed extends Refusal {
  override readonly status = 422;

  constructor(readonly details: Detail[]) {
    super('invalid_request', `Validation failed: ${details.map(sentenceOfDetail).join(', ')}`);
  }
}

/** Mastodon's way: the field, then what is wrong with it; a description that is a sentence of its own stands alone. */
function sentenceOfDetail({ field, description }: Detail): string {
  return /^[A-Z]/.test(description) ? description : `${capitalised(field)} ${description}`;
}

function capitalised(field: string): string {
  return field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' ');
}

/** The refusal of a list that is too large (contract.md §7.1). */
export function listTooLarge(most: number, cause?: unknown): Refusal {
  return new Refusal('body_too_large', `The list is larger than ${most / 1_000_000} MB.`, { cause });
}
