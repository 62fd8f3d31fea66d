import { generateSecret, verifySync } from 'otplib';

/** Seconds of one time step (RFC 6238 §4.1). */
export const PERIOD = 30;

/** A fresh secret: 160 bits as 32 characters of base32 (RFC 4226 §4 R6). */
export function newSecret(): string {
  return generateSecret({ length: 20 });
}

/**
 * The time step of a code, when it is one of the secret's for the present step or a neighbour of it; else null. Whether the
 * step was used before is for the database to say.
 */
export function stepOf(secret: string, code: string): number | null {
  if (!/^[0-9]{6}$/.test(code)) return null;
  const result = verifySync({ secret, token: code, period: PERIOD, epochTolerance: PERIOD });
  return result.valid && 'timeStep' in result ? result.timeStep : null;
}

/**
 * What authenticator apps read from the QR code (the Key URI Format that Google Authenticator, Aegis and 1Password share);
 * every part percent-encoded, so that no name can add a parameter.
 */
export function provisioningUri(issuer: string, account: string, secret: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=6&period=${PERIOD}`;
}
