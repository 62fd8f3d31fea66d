/** How every hash of ours begins: OWASP Password Storage, Argon2id, 19 MiB, two passes, one lane. */
const OURS = '$argon2id$v=19$m=19456,t=2,p=1$';

/** Costs above these would let one account's hash hold up everybody's sign-in: at these, a check takes two to three seconds of a core. */
const MOST = { argon2Memory: 262_144, argon2Passes: 20, argon2Lanes: 16, bcryptCost: 15, pbkdf2Rounds: 1_000_000 };

/** PHC string; `v` is missing in those of Argon2 1.0. */
const ARGON2 =
  /^\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=([1-9]\d*),t=([1-9]\d*),p=([1-9]\d*)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,171})$/;

/** Mastodon's. Salt and digest end in a character with bits to spare: others than these are never the last one. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;

/** Pleroma's, as passlib writes it: base64 with `.` for `+` and without padding; the digest has 64 bytes. */
const PBKDF2 = /^\$pbkdf2-sha512\$([1-9]\d*)\$([A-Za-z0-9./+]{2,256})\$([A-Za-z0-9./+]{86})$/;

/** Whether a hash is to be replaced by ours once its password is known. */
export function needsRehash(stored: string): boolean {
  return !stored.startsWith(OURS);
}

/** Why passwords cannot be checked against a hash, or null; never repeats the hash. */
export function hashProblem(stored: string): string | null {
  if (stored.startsWith('$argon2')) return argon2Problem(stored);
  if (/^\$2[aby]\$/.test(stored)) return bcryptProblem(stored);
  if (stored.startsWith('$pbkdf2-sha512$')) return pbkdf2Problem(stored);
  return 'password hash is of an unknown kind';
}

function argon2Problem(stored: string): string | null {
  const [, memory, passes, lanes, salt = '', digest = ''] = ARGON2.exec(stored) ?? [];
  if (!isBase64(salt) || !isBase64(digest) || Number(memory) < 8 * Number(lanes)) return garbled('Argon2');
  if (Number(memory) > MOST.argon2Memory) return 'Argon2 hash needs more than 256 MiB';
  if (Number(passes) > MOST.argon2Passes) return `Argon2 hash needs more than ${MOST.argon2Passes} passes`;
  return Number(lanes) > MOST.argon2Lanes ? `Argon2 hash needs more than ${MOST.argon2Lanes} lanes` : null;
}

function bcryptProblem(stored: string): string | null {
  const cost = Number(BCRYPT.exec(stored)?.[1]);
  if (!(cost >= 4)) return garbled('bcrypt');
  return cost > MOST.bcryptCost ? `bcrypt hash costs more than ${MOST.bcryptCost}` : null;
}

function pbkdf2Problem(stored: string): string | null {
  const [, rounds, salt = '', digest = ''] = PBKDF2.exec(stored) ?? [];
  if (![salt, digest].every((text) => isBase64(text.replaceAll('.', '+')))) return garbled('PBKDF2');
  return Number(rounds) > MOST.pbkdf2Rounds ? 'PBKDF2 hash has more than 1,000,000 rounds' : null;
}

function garbled(kind: string): string {
  return `${kind} hash is cut short or garbled`;
}

/** Without padding, and with nothing but zeros in the bits to spare. */
function isBase64(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64').toString('base64').replaceAll('=', '') === text;
}
