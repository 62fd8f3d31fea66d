import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import type { VouchedPerson } from '../providers/claims.js';
import type { Role } from '../users/user.entity.js';

/** What is kept of somebody whom a provider vouched for until they have chosen a name; of their claims only what counts. */
export interface WaitingPerson extends Pick<
  VouchedPerson,
  'issuer' | 'subject' | 'preferredUsername' | 'displayName' | 'email' | 'providerSessionId' | 'issuedAt'
> {
  role: Exclude<Role, 'user'> | null;
}

/** A sign-in by an identity that nobody here has, which waits for a name or for the account that it belongs to. */
@Entity()
@Index('sso_registration_by_expiry', ['expiresAt'])
export class SsoRegistration {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  /** Of the visit to the provider: it names the cookie. */
  @Column({ type: 'text' })
  flowId: string;

  /** SHA-256 of the cookie of the browser that came back from there. */
  @Column({ type: 'bytea' })
  browserHash: Buffer;

  /** The configured id of the provider. */
  @Column({ type: 'text' })
  provider: string;

  @Column({ type: 'jsonb' })
  person: WaitingPerson;

  /** The authorization request that it belongs to. */
  @Column({ type: 'jsonb' })
  parameters: OAuthParameters;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
