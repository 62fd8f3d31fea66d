/** Claims of an ID token or of userinfo: whatever JSON the provider signed or sent. */
export type Claims = Record<string, unknown>;

/** What a provider said of somebody in one sign-in, read with suspicion. */
export interface VouchedPerson {
  /** `iss` of the ID token. */
  issuer: string;
  /** `sub`, unique within the issuer and never given to somebody else (OpenID Connect Core §2). */
  subject: string;
  /** As the provider spells it; any text. */
  preferredUsername: string | null;
  displayName: string | null;
  /** Folded; only where the same document says that it is verified, as the boolean true. */
  email: string | null;
  /** How the person proved who they are there. */
  acr: string | null;
  amr: readonly string[];
  /** The provider's own session, for back-channel logout. */
  providerSessionId: string | null;
  /** `iat` by the provider's clock, in Unix seconds. */
  issuedAt: number;
  /** Everything, for claim rules: what the ID token says wins over userinfo. */
  claims: Claims;
}

/** The longest `sub` (OpenID Connect Core §2). */
const MAX_SUBJECT = 255;

/** What programs print where a subject was missing: one of these would make everybody the same person. */
const NO_SUBJECT = new Set(['null', 'undefined', 'None', '[object Object]']);

/** Whether a value can be a subject: a text that names one person, and not the absence of one (security.md R91). */
export function isSubject(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= MAX_SUBJECT &&
    !/\p{Cc}/u.test(value) &&
    value.isWellFormed() &&
    !NO_SUBJECT.has(value)
  );
}

/** An ID token from further in the future is not from a clock that is merely wrong; seconds. */
const MAX_FUTURE = 300;

/** What the protocol library takes and we do not (security.md R91), or null. */
export function idTokenProblem(
  { aud, azp, iat, sub }: { aud: string | string[]; azp?: unknown; iat: number; sub: string },
  clientId: string,
  now = Date.now() / 1000,
): string | null {
  const isForOthers = [aud].flat().some((audience) => audience !== clientId) || (azp !== undefined && azp !== clientId);
  if (isForOthers) return 'the ID token is for somebody else as well';
  if (iat > now + MAX_FUTURE) return 'the ID token is from the future';
  return isSubject(sub) ? null : 'the ID token names no subject';
}

/** Reads what a validated ID token and userinfo say; both are of one subject. */
export function readPerson(
  idToken: Claims & { iss: string; sub: string; iat: number },
  userinfo: Claims,
): VouchedPerson {
  const claims = { ...userinfo, ...idToken };
  return {
    issuer: idToken.iss,
    subject: idToken.sub,
    preferredUsername: text(claims['preferred_username'], 100),
    displayName: text(claims['name'], 100),
    // An address of one document must not be verified by the other (security.md R94).
    email: verifiedEmail(idToken['email'] === undefined ? userinfo : idToken),
    acr: text(idToken['acr'], 1000),
    amr: [idToken['amr'] ?? []].flat().filter((value) => typeof value === 'string'),
    providerSessionId: text(idToken['sid'], 255),
    issuedAt: idToken.iat,
    claims,
  };
}

function verifiedEmail({ email, email_verified: isVerified }: Claims): string | null {
  const address = isVerified === true ? text(email, 254) : null;
  return address?.toLowerCase() ?? null;
}

/** A text without control characters, trimmed and not too long; anything else is none. */
function text(value: unknown, max: number): string | null {
  if (typeof value !== 'string' || !value.isWellFormed()) return null;
  const plain = value.replace(/\p{Cc}/gu, ' ').trim();
  return plain === '' || plain.length > max ? null : plain;
}
