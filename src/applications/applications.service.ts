import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { type Detail, Refusal, ValidationFailed } from '../common/errors.js';
import { isKnownScope, isScopeWord } from '../common/scopes.js';
import { looksLikeSecret, randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { ShortReads } from '../database/short-reads.js';
import { Application } from './application.entity.js';
import { findClient, type OAuthClient } from './client.js';
import { isRedirectUri } from './redirect-uri.js';

/** A registration as it was asked for. */
export interface Registration {
  name: string;
  redirectUris: string[];
  /** Words, known or not. */
  scopes: string[];
  website: string | null;
  isPublic: boolean;
}

/** The credentials a client showed (RFC 6749 §2.3). */
export interface ClientCredential {
  clientId: string;
  /** Absent for a public client. */
  secret?: string;
}

/** A new client, with the secret that is shown once. */
export type RegisteredClient = Pick<Application, 'id' | 'clientId' | 'name' | 'website' | 'redirectUris' | 'scope'> & {
  secret: string | null;
};

/** Knows client programs: registers, finds and authenticates them. */
@Injectable()
export class ApplicationsService {
  constructor(
    @InjectRepository(Application) private readonly applications: Repository<Application>,
    private readonly reads: ShortReads,
    private readonly config: Config,
  ) {}

  async find(clientId: string): Promise<OAuthClient | null> {
    return looksLikeSecret(clientId) ? findClient(this.reads, clientId) : null;
  }

  /** The client of that row. */
  get(id: number): Promise<Application> {
    return this.applications.findOneByOrFail({ id });
  }

  /**
   * The client whose credentials these are.
   * @throws Refusal `invalid_client`, in the same words and time whatever was wrong (RFC 6749 §5.2)
   */
  async authenticate({ clientId, secret }: ClientCredential): Promise<OAuthClient> {
    const client = await this.find(clientId);
    if (!client || !isAuthenticated(client, secret)) throw new Refusal('invalid_client');
    return client;
  }

  /**
   * Registers a client.
   * @throws ValidationFailed naming every bad value
   */
  async register(wanted: Registration, tx: EntityManager): Promise<RegisteredClient> {
    const { scopes, problems } = this.examine(wanted);
    if (problems.length > 0) throw new ValidationFailed(problems);
    const secret = wanted.isPublic ? null : randomSecret();
    const { name, website, redirectUris } = wanted;
    const columns = { clientId: randomSecret(), name, website, redirectUris, scope: scopes.join(' ') };
    const { raw } = await tx.insert(Application, {
      ...columns,
      clientSecretHash: secret === null ? null : sha256(secret),
    });
    return { ...columns, id: raw[0].id, secret };
  }

  /** The client of our own that goes by a name, made at its first use and kept in step with our URLs; it is public. */
  async ensureBuiltin(
    builtin: string,
    columns: Pick<Application, 'name' | 'redirectUris' | 'scope'>,
  ): Promise<OAuthClient> {
    await this.applications
      .createQueryBuilder()
      .insert()
      .values({ ...columns, builtin, clientId: randomSecret(), clientSecretHash: null, website: null })
      .orUpdate(['name', 'redirect_uris', 'scope'], ['builtin'], { indexPredicate: 'builtin is not null' })
      .execute();
    return this.applications.findOneByOrFail({ builtin });
  }

  private examine({ name, redirectUris, scopes, website }: Registration): { scopes: string[]; problems: Detail[] } {
    const problems: Detail[] = [];
    const refuse = (field: string, error: Detail['error'], description: string) =>
      problems.push({ field, error, description });
    if (name === '') refuse('client_name', 'ERR_BLANK', "can't be blank");
    if ([...name].length > 200) refuse('client_name', 'ERR_TOO_LONG', 'is too long (maximum is 200 characters)');
    if (redirectUris.length === 0) refuse('redirect_uris', 'ERR_BLANK', "can't be blank");
    if (redirectUris.length > 20) refuse('redirect_uris', 'ERR_TOO_LONG', 'has too many entries (maximum is 20)');
    if (!redirectUris.every((uri) => isRedirectUri(uri, this.config.httpRedirectsAllowed))) {
      refuse('redirect_uris', 'ERR_INVALID', 'must be absolute URIs that may be redirected to');
    }
    const words = [...new Set(scopes)].filter(isScopeWord);
    if (!words.some(isKnownScope))
      refuse('scopes', 'ERR_INVALID', 'must name at least one scope that this server knows');
    if (words.length > 100) refuse('scopes', 'ERR_TOO_LONG', 'has too many entries (maximum is 100)');
    if (website !== null && !isWebsite(website)) refuse('website', 'ERR_INVALID', 'must be an http or https URL');
    return { scopes: words, problems };
  }
}

/** Whether a secret is the one of a client, in constant time. */
export function isAuthenticated(client: OAuthClient, secret: string | undefined): boolean {
  // A public client has no secret, so showing one is an error (contract.md §2.5).
  if (client.clientSecretHash === null) return secret === undefined;
  return sameDigest(sha256(secret ?? ''), client.clientSecretHash);
}

function isWebsite(value: string): boolean {
  return value.length <= 2000 && /^https?:\/\/[^\s\p{Cc}]+$/iu.test(value) && URL.canParse(value);
}
