import { Text } from '../common/fields.js';

/** Parameters of `POST /api/auth/mfa`, in query or body (contract.md §3.4). */
export class SecondFactorParameters {
  @Text({ description: 'Of the URL that the password led to.' })
  mfa_token?: string;

  @Text({ description: 'Six digits of the app, or a backup code.', example: '123456', prose: true })
  code?: string;

  @Text({ description: '`totp`, `recovery` or `webauthn`.', example: 'totp' })
  challenge_type?: string;

  @Text({ description: 'What the browser’s WebAuthn answered, as JSON.', max: 20_000, prose: true })
  response?: string;
}

/** Body of `POST /api/auth/mfa/passkey_options` and `/recovery`. */
export class PendingSignInBody {
  @Text({ description: 'Of the URL that the password led to.' })
  mfa_token?: string;
}
