import { generateKeyPairSync } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { calculateJwkThumbprint, type CryptoKey, exportJWK, importPKCS8, type JWK } from 'jose';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { IsNull, Repository } from 'typeorm';
import { openWithEither, resealAll, type Rotation } from '../common/secret-keys.js';
import { seal } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { SigningKey } from './signing-key.entity.js';

/** The algorithm of every key. */
export const SIGNING_ALGORITHM = 'EdDSA';

/** A key retired this long ago has nothing left that it signed: cookies live an hour (security.md D16). */
const RETIRING = `interval '2 hours'`;

/** How long the keys in memory may be older than the database's, in milliseconds; a kid we do not know is looked up at once. */
const FRESH_MS = 60_000;

/** And how often such a kid may make us look, so that forged ones cost nothing. */
const LOOKUP_MS = 1000;

const PURPOSE = 'signing key';

/** One usable key: to sign with, to check with, to publish. */
export interface LoadedKey {
  kid: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
  isRetired: boolean;
}

/** Keeps the Ed25519 keys that sign `jwt` cookies: made at the first use, shared by replicas, rotated without a logout. */
@Injectable()
export class SigningKeysService {
  private readonly log = new Logger(SigningKeysService.name);
  private keys: LoadedKey[] = [];
  private loadedAt = 0;

  constructor(
    @InjectRepository(SigningKey) private readonly rows: Repository<SigningKey>,
    private readonly config: Config,
  ) {}

  /** The key to sign with. */
  async current(): Promise<LoadedKey> {
    const known = (await this.all()).find((key) => !key.isRetired);
    if (known) return known;
    await this.create();
    await this.load();
    const created = this.keys.find((key) => !key.isRetired);
    if (!created) throw new Error('A signing key was written and cannot be read back');
    return created;
  }

  /** The key of that name, current or retiring, or null. */
  async find(kid: string): Promise<LoadedKey | null> {
    const byName = (key: LoadedKey) => key.kid === kid;
    const known = (await this.all()).find(byName);
    if (known || Date.now() - this.loadedAt < LOOKUP_MS) return known ?? null;
    await this.load();
    return this.keys.find(byName) ?? null;
  }

  /** The public halves of current and retiring keys (RFC 7517). */
  async publicJwks(): Promise<JWK[]> {
    await this.current();
    return this.keys.map((key) => key.publicJwk);
  }

  /** Makes a new key the current one; what older ones signed stays good until it expires. */
  async rotate(): Promise<string> {
    const kid = await this.create();
    await this.rows
      .createQueryBuilder()
      .update()
      .set({ retiredAt: () => 'now()' })
      .where({ retiredAt: IsNull() })
      .andWhere('kid <> :kid', { kid })
      .execute();
    await this.load();
    return kid;
  }

  /** Seals them with the present `SECRET_KEY`, after a change of it. */
  async reseal(): Promise<Rotation> {
    const keys = await this.rows.find();
    const rows = keys.map(({ kid, sealedPrivateKey: sealed }) => ({
      sealed,
      replace: async (resealed: Buffer) => {
        await this.rows.update({ kid }, { sealedPrivateKey: resealed });
      },
    }));
    return resealAll(rows, this.config, PURPOSE);
  }

  private async all(): Promise<LoadedKey[]> {
    if (Date.now() - this.loadedAt >= FRESH_MS) await this.load();
    return this.keys;
  }

  private async load(): Promise<void> {
    const rows = await this.rows
      .createQueryBuilder('k')
      .where(`k.retired_at is null or k.retired_at > now() - ${RETIRING}`)
      .orderBy('k.created_at', 'DESC')
      .getMany();
    const loaded = await Promise.all(rows.map((row) => this.open(row)));
    this.keys = loaded.filter((key) => key !== null);
    this.loadedAt = Date.now();
  }

  private async open({ kid, sealedPrivateKey, retiredAt }: SigningKey): Promise<LoadedKey | null> {
    const der = openWithEither(sealedPrivateKey, this.config, PURPOSE);
    if (!der) {
      this.log.warn(
        { kid },
        'A signing key was sealed with another SECRET_KEY and is left alone: its sessions must sign in again',
      );
      return null;
    }
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const privateKey = await importPKCS8(key.export({ format: 'pem', type: 'pkcs8' }).toString(), SIGNING_ALGORITHM);
    const publicJwk = await exportJWK(createPublicKey(key));
    return {
      kid,
      privateKey,
      publicJwk: { ...publicJwk, use: 'sig', alg: SIGNING_ALGORITHM, kid },
      isRetired: retiredAt !== null,
    };
  }

  private async create(): Promise<string> {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const kid = await calculateJwkThumbprint(await exportJWK(publicKey));
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    await this.rows.insert({ kid, sealedPrivateKey: seal(der, this.config.secretKey, PURPOSE) });
    return kid;
  }
}
