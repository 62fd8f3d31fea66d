/** An account by its name, `acct:username@host` (RFC 7565). */
export interface Acct {
  /** Lower case: hosts do not tell accounts apart by it. */
  username: string;
  /** ASCII, lower case; with a port only in development. */
  host: string;
}

/** With the userpart of RFC 7565 §7, which is ASCII; names are seldom longer than 30. */
const ACCT = /^acct:(?<username>[\w.~!$&'()*+,;=%-]{1,255})@(?<host>[^@]{1,255})$/i;

/** The account of an `acct:` URI, in the one form in which accounts are compared; null for any other text. */
export function parseAcct(uri: string): Acct | null {
  const { username, host: spelling } = ACCT.exec(uri)?.groups ?? {};
  const host = spelling === undefined ? null : hostOf(spelling);
  return username === undefined || host === null ? null : { username: username.toLowerCase(), host };
}

/** The URI of an account. */
export function acctUri({ username, host }: Acct): string {
  return `acct:${username}@${host}`;
}

/** Whether two accounts are one, both in the form of `parseAcct`. */
export function isSameAcct(one: Acct, other: Acct): boolean {
  return one.username === other.username && one.host === other.host;
}

/** Whether this is a host and nothing else, in the one form in which hosts are compared; its port may follow. */
export function isHost(host: string): boolean {
  return hostOf(host) === host;
}

/**
 * Whether a host is named as servers on the internet are: a name of several labels, without a port, no IP address in any
 * spelling. Whether anybody is there, and at what address, is another question.
 */
export function isPublicName(host: string): boolean {
  return host.length <= 253 && PUBLIC_NAME.test(host) && isHost(host);
}

const PUBLIC_NAME = /^(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+[a-z](?:[a-z\d-]{0,61}[a-z\d])?$/;

/** A host as `URL` writes it: ASCII, lower case, IP addresses in their usual form; null for what is not only a host. */
function hostOf(spelling: string): string | null {
  // What `URL` leaves out, or takes for the end of the host.
  if (/[\s\p{Cc}/?#\\]/u.test(spelling)) return null;
  return URL.parse(`https://${spelling}`)?.host ?? null;
}
