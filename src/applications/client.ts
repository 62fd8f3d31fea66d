import { OUT_OF_BAND } from '../common/oauth-redirects.js';
import { covers, isKnownScope } from '../common/scopes.js';
import type { ShortReads } from '../database/short-reads.js';

/** A registered client program as the OAuth rules see it; the entity's row, read by name on the hot path. */
export interface OAuthClient {
  id: number;
  clientId: string;
  /** SHA-256; null for a public client. */
  clientSecretHash: Buffer | null;
  name: string;
  website: string | null;
  redirectUris: string[];
  /** As registered; words joined by spaces. */
  scope: string;
}

/** The columns of an `OAuthClient`, of a row named `a`. */
export const CLIENT_COLUMNS = `a.id, a.client_id as "clientId", a.client_secret_hash as "clientSecretHash", a.name, a.website,
  a.redirect_uris as "redirectUris", a.scope`;

/** Finds a client by its public id; one prepared statement. */
export async function findClient(reads: ShortReads, clientId: string): Promise<OAuthClient | null> {
  const [row] = await reads.query<OAuthClient>({
    name: 'find_client',
    text: `select ${CLIENT_COLUMNS} from application a where a.client_id = $1`,
    values: [clientId],
  });
  return row ?? null;
}

/** Public clients have no secret and must use PKCE (RFC 8252 §8.1). */
export function isPublic(client: OAuthClient): boolean {
  return client.clientSecretHash === null;
}

/** Whether the URI is one of the registered ones: raw strings, byte for byte, never parsed (RFC 9700 §2.1). */
export function matchesRedirectUri(client: OAuthClient, uri: string): boolean {
  return client.redirectUris.includes(uri);
}

/** The first wanted scope word that the client did not register, or null. */
export function uncoveredScope(client: OAuthClient, words: readonly string[]): string | null {
  const registered = client.scope.split(' ');
  // A word we do not know is only good when the client registered that very word.
  return words.find((word) => !registered.includes(word) && !(isKnownScope(word) && covers(registered, word))) ?? null;
}

/** `redirect_uri` as old Mastodon clients read it: all of them, one a line. */
export function joinedRedirectUris({ redirectUris }: Pick<OAuthClient, 'redirectUris'>): string {
  return redirectUris.join('\n');
}

/** Whether a person has to copy the code by hand. */
export function isOutOfBand(uri: string): boolean {
  return uri === OUT_OF_BAND;
}
