import type { Logger } from '@nestjs/common';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { Passkey } from './passkey.entity.js';

/** Loaded at the first ceremony: a start need not wait for certificates and key formats. */
export const webauthn = () => import('@simplewebauthn/server');

/**
 * EdDSA, ES256 and RS256, which every authenticator has one of. Not ML-DSA, which the library would prefer: it rests on
 * an experimental part of Node, and a passkey must still work after an update of it.
 */
export const ALGORITHMS = [-8, -7, -257];

/** What an answer must be made for. */
export interface Expected {
  origin: string;
  rpId: string;
  /** Whether a challenge is one of ours for this; whether it was answered before is for the database to say. */
  isOurs: (challenge: string) => boolean;
}

/** A passkey that a browser has made: checked, and not kept yet. */
export interface MadePasskey extends Pick<
  Passkey,
  'credentialId' | 'publicKey' | 'counter' | 'transports' | 'isBackedUp'
> {
  /** What it answers. */
  challenge: string;
}

/** A passkey that a browser has used: the signature is its, and nothing is written yet. */
export interface ShownPasskey {
  challenge: string;
  /** The authenticator's signature counter after it. */
  counter: number;
}

/** What was made, if it is what we asked for (WebAuthn Level 3 §7.1); else null. */
export async function verifyMade(
  response: RegistrationResponseJSON,
  { origin, rpId, isOurs }: Expected,
  log: Logger,
): Promise<MadePasskey | null> {
  let answered = '';
  try {
    const { verifyRegistrationResponse } = await webauthn();
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => isOurs((answered = challenge)),
      expectedOrigin: origin,
      expectedRPID: rpId,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return null;
    const { credential, credentialBackedUp: isBackedUp } = registrationInfo;
    return {
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey),
      counter: credential.counter,
      transports: knownWays(credential.transports),
      isBackedUp,
      challenge: answered,
    };
  } catch (err) {
    log.debug({ err }, 'A new passkey was refused');
    return null;
  }
}

/** What was shown, if the passkey signed it for us (WebAuthn Level 3 §7.2); else null. */
export async function verifyShown(
  response: AuthenticationResponseJSON,
  passkey: Passkey,
  { origin, rpId, isOurs, mustVerifyUser }: Expected & { mustVerifyUser: boolean },
  log: Logger,
): Promise<ShownPasskey | null> {
  let answered = '';
  try {
    const { verifyAuthenticationResponse } = await webauthn();
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => isOurs((answered = challenge)),
      expectedOrigin: origin,
      expectedRPID: rpId,
      requireUserVerification: mustVerifyUser,
      credential: {
        id: passkey.credentialId,
        publicKey: new Uint8Array(passkey.publicKey),
        counter: passkey.counter,
      },
    });
    return verified ? { challenge: answered, counter: authenticationInfo.newCounter } : null;
  } catch (err) {
    // Whatever it is, it is not a proof: wrong origin, wrong relying party, a counter that went back, no user verification.
    log.debug({ err, passkey: passkey.id }, 'A passkey was refused');
    return null;
  }
}

/** The id that a passkey knows its owner by (WebAuthn §5.4.3): nothing that tells who they are. */
export function userHandle(userId: string): Buffer<ArrayBuffer> {
  return Buffer.from(userId.replaceAll('-', ''), 'hex');
}

/** A browser may send anything for them. */
function knownWays(ways: unknown): string[] {
  const words = Array.isArray(ways) ? ways.filter((way) => typeof way === 'string') : [];
  return words.filter((way) => /^[a-z-]{1,20}$/.test(way)).slice(0, 8);
}
