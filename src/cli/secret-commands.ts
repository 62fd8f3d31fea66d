import type { INestApplicationContext } from '@nestjs/common';
import { SigningKeysService } from '../browsers/signing-keys.service.js';
import type { Rotation } from '../common/secret-keys.js';
import { OutboxService } from '../mail/outbox.service.js';
import { TotpService } from '../mfa/totp.service.js';
import { Mistake } from './mistake.js';
import { say } from './terminal.js';

/** Seals with `SECRET_KEY` what `SECRET_KEY_PREVIOUS` sealed, so that the previous one can go; again is harmless. */
export async function rotateSecrets(house: INestApplicationContext): Promise<void> {
  const kinds: [string, Rotation][] = [
    ['authenticator apps', await house.get(TotpService).resealAll()],
    ['signing keys', await house.get(SigningKeysService).reseal()],
    ['links in waiting mails', await house.get(OutboxService).reseal()],
  ];
  say(`Sealed with the present key: ${list(kinds, 'resealed')}`);
  const lost = kinds.filter(([, { unopened }]) => unopened > 0);
  if (lost.length === 0) return;
  throw new Mistake(
    `Left alone, because neither SECRET_KEY nor SECRET_KEY_PREVIOUS opens them: ${list(lost, 'unopened')}`,
  );
}

function list(kinds: [string, Rotation][], count: keyof Rotation): string {
  return kinds.map(([name, rotation]) => `${name} ${rotation[count]}`).join(', ');
}
