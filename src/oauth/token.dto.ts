import { Text } from '../common/fields.js';

/** Body of `POST /oauth/token` (RFC 6749 §4.1.3, §4.4.2, §6). */
export class TokenBody {
  @Text({
    description: '`authorization_code`, `refresh_token` or `client_credentials`.',
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

  @Text({ description: 'A subset, for `refresh_token` and `client_credentials`.', example: 'read' })
  scope?: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_id?: string;

  @Text({ description: 'Unless HTTP Basic is used or the client is public.' })
  client_secret?: string;
}
