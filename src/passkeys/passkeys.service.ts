import { isIP } from 'node:net';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { type EntityManager, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { Passkey } from './passkey.entity.js';
import { CEREMONY_LIFE, type CeremonyPurpose, WebAuthnChallengesService } from './webauthn-challenges.service.js';
import { readAuthentication, readRegistration } from './webauthn-json.js';
import {
  ALGORITHMS,
  type Expected,
  type MadePasskey,
  userHandle,
  verifyMade,
  verifyShown,
  webauthn,
} from './webauthn-proofs.js';

/** More than anybody carries. */
const MOST = 20;

/** Milliseconds that a browser waits for its owner. */
const TIMEOUT_MS = 300_000;

/** Whose passkey somebody showed, whether or not they proved to hold it. */
export interface PasskeyVerdict {
  /** Null when we do not know the passkey. */
  ownerId: string | null;
  isProved: boolean;
}

/** What proves that somebody holds a passkey may prove more: that they are its owner (WebAuthn §6.1, user verification). */
export type ProofPurpose = Exclude<CeremonyPurpose, 'register'>;

/** Keeps passkeys and security keys, and checks what they sign (WebAuthn Level 3 §7). */
@Injectable()
export class PasskeysService {
  private readonly log = new Logger(PasskeysService.name);

  constructor(
    @InjectRepository(Passkey) private readonly rows: Repository<Passkey>,
    private readonly challenges: WebAuthnChallengesService,
    private readonly config: Config,
  ) {}

  /** Browsers make passkeys for names only, and only where the connection is secure (WebAuthn §5.1.2, secure contexts). */
  get isOffered(): boolean {
    const isName = isIP(this.rpId.replace(/^\[|\]$/g, '')) === 0;
    return isName && (this.config.https || this.rpId === 'localhost');
  }

  /** A person's, oldest first. */
  list(userId: string): Promise<Passkey[]> {
    return this.rows.find({ where: { userId }, order: { id: 'ASC' } });
  }

  /** What a browser needs to make one, within so many seconds. */
  async registrationOptions(
    user: { id: string; username: string },
    life = CEREMONY_LIFE,
  ): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const known = await this.list(user.id);
    const { generateRegistrationOptions } = await webauthn();
    return generateRegistrationOptions({
      rpName: this.config.instance.title,
      rpID: this.rpId,
      userName: user.username,
      userID: userHandle(user.id),
      challenge: this.challenges.issue('register', user.id, life),
      timeout: TIMEOUT_MS,
      excludeCredentials: known.map(({ credentialId, transports }) => ({ id: credentialId, transports })),
      supportedAlgorithmIDs: ALGORITHMS,
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
  }

  /** What a browser has made for a person, if it is what we asked for; the challenge is spent with that. */
  async verifyNew(userId: string, sent: unknown): Promise<MadePasskey | null> {
    const response = readRegistration(sent);
    const made = response && (await verifyMade(response, this.expected('register', userId), this.log));
    return made && (await this.challenges.consume(made.challenge)) ? made : null;
  }

  /**
   * Keeps it, in the caller's transaction, which holds the person's row: two at once cannot both be the last that fits.
   * @throws Refusal `rejected` when it is known already, or is one too many
   */
  async keep(userId: string, name: string, made: MadePasskey, tx: EntityManager): Promise<Passkey> {
    if ((await tx.countBy(Passkey, { userId })) >= MOST) throw new Refusal('rejected', 'You have too many passkeys');
    const id = uuidv7();
    const [row] = await tx.query(
      `insert into passkey (id, user_id, credential_id, public_key, counter, transports, name, is_backed_up)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (credential_id) do nothing returning id`,
      [id, userId, made.credentialId, made.publicKey, made.counter, made.transports, name, made.isBackedUp],
    );
    if (!row) throw new Refusal('rejected', 'This passkey is registered already');
    return tx.findOneByOrFail(Passkey, { id });
  }

  /** What a browser needs to use one, within so many seconds; a sign-in names nobody, a second factor is asked of one person. */
  async authenticationOptions(
    purpose: ProofPurpose,
    userId: string | null,
    life = CEREMONY_LIFE,
  ): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const known = userId === null ? [] : await this.list(userId);
    const { generateAuthenticationOptions } = await webauthn();
    return generateAuthenticationOptions({
      rpID: this.rpId,
      challenge: this.challenges.issue(purpose, userId, life),
      timeout: TIMEOUT_MS,
      allowCredentials: known.map(({ credentialId, transports }) => ({ id: credentialId, transports })),
      userVerification: purpose === 'sign_in' ? 'required' : 'preferred',
    });
  }

  /** Whether a browser proves to hold a passkey of this person. */
  async verify(response: unknown, purpose: ProofPurpose, userId: string): Promise<boolean> {
    return (await this.authenticate(response, purpose, userId)).isProved;
  }

  /**
   * Whose passkey a browser shows, and whether it proves to hold it; the proof is spent with that. `userId` is who must
   * it be; null takes whoever it is.
   */
  async authenticate(response: unknown, purpose: ProofPurpose, userId: string | null): Promise<PasskeyVerdict> {
    const sent = readAuthentication(response);
    const passkey = sent && (await this.rows.findOneBy({ credentialId: sent.id }));
    if (!sent || !passkey || (userId !== null && passkey.userId !== userId)) return { ownerId: null, isProved: false };
    const ownerId = passkey.userId;
    // Who signs in by it alone is named by the passkey itself (WebAuthn Level 3 §7.2, step 6).
    const namesOwner = sent.response.userHandle === userHandle(ownerId).toString('base64url');
    if (userId === null && !namesOwner) return { ownerId, isProved: false };
    const expected = { ...this.expected(purpose, userId), mustVerifyUser: purpose === 'sign_in' };
    const shown = await verifyShown(sent, passkey, expected, this.log);
    const isProved =
      shown !== null &&
      (await this.challenges.consume(shown.challenge)) &&
      (await this.noteUse(passkey, shown.counter));
    return { ownerId, isProved };
  }

  /**
   * Gives one another name, in the caller's transaction.
   * @throws Refusal `record_not_found`
   */
  async rename(userId: string, id: string, name: string, tx: EntityManager): Promise<Passkey> {
    const { affected } = await tx.update(Passkey, { id, userId }, { name });
    if (affected !== 1) throw new Refusal('record_not_found');
    return tx.findOneByOrFail(Passkey, { id });
  }

  /**
   * Removes one, in the caller's transaction.
   * @throws Refusal `record_not_found`
   */
  async remove(userId: string, id: string, tx: EntityManager): Promise<void> {
    const { affected } = await tx.delete(Passkey, { id, userId });
    if (affected !== 1) throw new Refusal('record_not_found');
  }

  /** Removes all of a person's, and tells how many there were. */
  async removeAll(userId: string, tx: EntityManager): Promise<number> {
    const { affected } = await tx.delete(Passkey, { userId });
    return affected ?? 0;
  }

  /** A counter only goes up, where there is one at all: of two signatures at once with one counter one is a copy's (WebAuthn §6.1.1). */
  private async noteUse({ id }: Passkey, counter: number): Promise<boolean> {
    const [used] = await this.rows.query(
      `update passkey set counter = $2, last_used_at = now()
       where id = $1 and (counter < $2 or (counter = 0 and $2 = 0)) returning id`,
      [id, counter],
    );
    return used.length === 1;
  }

  private expected(purpose: CeremonyPurpose, userId: string | null): Expected {
    const isOurs = (challenge: string) => this.challenges.isOurs(challenge, purpose, userId);
    return { origin: this.config.publicUrl, rpId: this.rpId, isOurs };
  }

  /** The host that passkeys are bound to. */
  private get rpId(): string {
    return new URL(this.config.publicUrl).hostname;
  }
}
