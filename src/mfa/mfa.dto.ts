import { ApiProperty } from '@nestjs/swagger';
import { Allow } from 'class-validator';
import { Text } from '../common/fields.js';
import type { MfaState } from './mfa.service.js';

const PASSWORD = { example: 'correct horse battery staple', prose: true, max: 65_536 };

/** Body of `POST …/mfa/confirm/totp` (contract.md §6.3). */
export class ConfirmTotpBody {
  @Text({ description: 'The account’s.', required: true, ...PASSWORD })
  password: string;

  @ApiProperty({ type: String, example: '123456', description: 'Six digits, as the app shows them now.' })
  @Allow()
  code?: unknown;
}

/** Body of `DELETE …/mfa/totp` (contract.md §6.4). */
export class DisableMfaBody {
  @Text({ description: 'The account’s.', ...PASSWORD })
  password?: string;
}

/** What is on, in Pleroma's wrapping (contract.md §6.1). */
export class MfaStateResponse {
  @ApiProperty({ example: { enabled: true, totp: true } })
  settings: MfaState;
}

/** What an authenticator app needs (contract.md §6.2). */
export class TotpSetupResponse {
  @ApiProperty({ example: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP', description: 'Base32, to be typed.' })
  key: string;

  @ApiProperty({ example: 'otpauth://totp/Gatehouse:alice%40example.org?secret=…', description: 'For a QR code.' })
  provisioning_uri: string;

  @ApiProperty({ example: 'data:image/svg+xml;base64,…', description: 'That QR code, to be shown as it is.' })
  qr_code: string;
}

/** The only time that backup codes are shown (contract.md §6.5). */
export class BackupCodesResponse {
  @ApiProperty({ example: ['k7m2p9xq4t', '…'] })
  codes: string[];
}
