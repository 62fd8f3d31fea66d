import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { PUB } from './app.js';

/** What is different from what an honest browser and authenticator would answer. */
export interface Fault {
  origin?: string;
  rpId?: string;
  challenge?: string;
  /** `webauthn.create` or `webauthn.get`. */
  type?: string;
  /** The signature counter, instead of one more than before. */
  counter?: number;
  isUserPresent?: boolean;
  isUserVerified?: boolean;
  /** Somebody else's credential id, key or owner. */
  id?: string;
  key?: KeyObject;
  userHandle?: string | undefined;
  /** A bit of the signature is turned. */
  hasBrokenSignature?: boolean;
  transports?: unknown;
}

const FLAGS = { present: 0x01, verified: 0x04, eligible: 0x08, backedUp: 0x10, attested: 0x40 };

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();

/** A browser with an authenticator that holds one passkey (WebAuthn Level 3 §6), in software; ES256, attestation `none`. */
export class SoftwareAuthenticator {
  readonly id = randomBytes(32).toString('base64url');
  readonly privateKey: KeyObject;
  /** How often it has signed; null for one that keeps no count, as those that sync do. */
  counter: number | null;
  /** Of the owner, as told at the registration. */
  userHandle: string | undefined;
  private readonly publicKey: KeyObject;

  constructor({ counts = true }: { counts?: boolean } = {}) {
    ({ privateKey: this.privateKey, publicKey: this.publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    this.counter = counts ? 0 : null;
  }

  /** What `navigator.credentials.create` yields (§5.1.3). */
  create(options: PublicKeyCredentialCreationOptionsJSON, fault: Fault = {}): RegistrationResponseJSON {
    this.userHandle = options.user.id;
    const id = fault.id ?? this.id;
    const rawId = Buffer.from(id, 'base64url');
    const credential = Buffer.concat([Buffer.alloc(16), uint(rawId.length, 2), rawId, cbor(this.coseKey())]);
    const authData = Buffer.concat([this.authenticatorData(options.rp.id ?? '', fault, FLAGS.attested), credential]);
    const attestation = cbor(
      new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    );
    return {
      id,
      rawId: id,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: clientData({ type: 'webauthn.create', challenge: options.challenge, ...fault }).toString(
          'base64url',
        ),
        attestationObject: attestation.toString('base64url'),
        transports: (fault.transports ?? ['internal', 'hybrid']) as 'internal'[],
      },
    };
  }

  /** What `navigator.credentials.get` yields (§5.1.4). */
  get(options: PublicKeyCredentialRequestOptionsJSON, fault: Fault = {}): AuthenticationResponseJSON {
    const id = fault.id ?? this.id;
    const authenticatorData = this.authenticatorData(options.rpId ?? '', fault);
    const clientDataJSON = clientData({ type: 'webauthn.get', challenge: options.challenge, ...fault });
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
    const signature = sign('sha256', signed, fault.key ?? this.privateKey);
    if (fault.hasBrokenSignature) signature[signature.length - 1]! ^= 1;
    const userHandle = 'userHandle' in fault ? fault.userHandle : this.userHandle;
    return {
      id,
      rawId: id,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: clientDataJSON.toString('base64url'),
        authenticatorData: authenticatorData.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(userHandle !== undefined && { userHandle }),
      },
    };
  }

  /** §6.1 */
  private authenticatorData(rpId: string, fault: Fault, more = 0): Buffer {
    if (this.counter !== null) this.counter++;
    const { isUserPresent = true, isUserVerified = true } = fault;
    const flags =
      (isUserPresent ? FLAGS.present : 0) |
      (isUserVerified ? FLAGS.verified : 0) |
      (this.counter === null ? FLAGS.eligible | FLAGS.backedUp : 0) |
      more;
    const counter = fault.counter ?? this.counter ?? 0;
    return Buffer.concat([sha256(fault.rpId ?? rpId), Buffer.from([flags]), uint(counter, 4)]);
  }

  /** RFC 9053 §7.1.1 */
  private coseKey(): Map<number, Cbor> {
    const { x = '', y = '' } = this.publicKey.export({ format: 'jwk' });
    return new Map<number, Cbor>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]);
  }
}

/** §5.8.1 */
function clientData({ type, challenge, origin = PUB }: { type: string; challenge: string; origin?: string }): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}

type Cbor = number | string | Buffer | Map<string, Cbor> | Map<number, Cbor>;

/** RFC 8949 §3, as much of it as is needed. */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)])]);
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  return count < 256
    ? Buffer.from([(major << 5) | 24, count])
    : Buffer.concat([Buffer.from([(major << 5) | 25]), uint(count, 2)]);
}

function uint(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
