import { Text, TextOrList } from '../common/fields.js';

/** Parameters of the start of a sign-in at a provider, in query or body (contract.md §3.6). */
export class SsoStartParameters {
  @Text({ description: 'The id of a configured provider; required unless it stands in the path.', example: 'keycloak' })
  issuer?: string;

  @Text({ description: 'The client’s id.', example: 'w3Zq…', max: 200 })
  client_id?: string;

  @Text({ description: 'A registered one, byte for byte; may be absent where there is only one.' })
  redirect_uri?: string;

  @Text({ description: '`code`, which is the default.', example: 'code', max: 100 })
  response_type?: string;

  @TextOrList({ description: 'Words separated by one space, or `scope[0]`, `scope[1]`…', example: 'read write' })
  scope?: string | string[];

  @TextOrList({ description: 'Another spelling of `scope`.' })
  scopes?: string | string[];

  @Text({ description: 'Comes back byte for byte.', max: 2048, prose: true })
  state?: string;

  @Text({ description: 'PKCE challenge (S256).' })
  code_challenge?: string;

  @Text({ description: 'Must be `S256` when a challenge is given.', example: 'S256', max: 100 })
  code_challenge_method?: string;
}

/** Query of a provider's callback (contract.md §3.7): what the provider sends, and echoes that are compared with our row. */
export class SsoCallbackQuery {
  @Text({ description: 'The provider’s code.', max: 8000, prose: true })
  code?: string;

  @Text({ description: 'What was sent to the provider.', prose: true })
  state?: string;

  @Text({ description: 'The provider’s issuer (RFC 9207).', prose: true })
  iss?: string;

  @Text({ description: 'Why there is no code.', prose: true })
  error?: string;

  @Text({ description: 'The same in words; for the log only.', max: 8000, prose: true })
  error_description?: string;

  @Text({ description: 'Optional echo.' })
  flow_id?: string;

  @Text({ description: 'The same, as Lysand’s code called it.' })
  flow?: string;

  @Text({ description: 'Optional echo.' })
  client_id?: string;

  @Text({ description: 'Optional echo: `true` when an account is linked.' })
  link?: string;

  @Text({ description: 'Optional echo.' })
  user_id?: string;
}

/** Body of a provider's logout call (OpenID Connect Back-Channel Logout 1.0 §2.5). */
export class BackChannelLogoutBody {
  @Text({ description: 'A signed logout token.', max: 16_384, required: true })
  logout_token: string;
}
