import { Text } from '../common/fields.js';

/** Body of `POST /oauth/token` (RFC 6749 §4.1.3, §4.4.2, §6). */
export class TokenBody {
  @Text({
    description:
      '`authorization_code`, `refresh_token`, `client_credentials`, or `password` where the operator allows it.',
    example: 'authorization_code',
    required: true,
  })
  grant_type: string;

  @Text({ description: 'Of grant `authorization_code`.' })
  code?: string;

  @Text({ description: 'Of grant `authorization_code`: the one of the authorization request, byte for byte.' })
  redirect_uri?: string;

  @Text({ description: 'Of grant `authorization_code`: the PKCE verifier.' })
  code_verifier?: string;

  @Text({ description: 'Of grant `refresh_token`.' })
  refresh_token?: string;

  @Text({ description: 'Of grant `password`: user name or e-mail address.' })
  username?: string;

  @Text({ description: 'Of grant `password`.', prose: true, max: 65_536 })
  password?: string;

  @Text({ description: 'A subset, for all grants but `authorization_code`.', example: 'read' })
  scope?: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_id?: string;

  @Text({ description: 'Unless HTTP Basic is used or the client is public.' })
  client_secret?: string;
}

/** Body of `POST /oauth/mfa/challenge` (contract.md §2.6). */
export class MfaChallengeBody {
  @Text({ description: 'Of the answer to the password grant.', required: true })
  mfa_token: string;

  @Text({ description: 'Six digits of the app, or a backup code.', example: '123456', required: true, prose: true })
  code: string;

  @Text({ description: '`totp` or `recovery`.', example: 'totp', required: true })
  challenge_type: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_id?: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_secret?: string;
}
