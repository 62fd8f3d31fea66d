import { Allow } from 'class-validator';
import { Text } from '../common/fields.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';

/** Query of the page where somebody whom a provider vouches for chooses a name; the rest is the sign-in it belongs to (contract.md §3.1). */
export class SsoRegisterPageQuery extends AuthorizationParameters {
  @Text({ description: 'Of the provider’s callback.', required: true })
  registration_token: string;

  @Text({ description: 'The provider’s id, for frontends that cannot read our rows.' })
  issuer?: string;

  @Text({ description: 'The name to begin with.', prose: true })
  preferred_username?: string;

  @Text({ description: 'The address to begin with.', prose: true })
  email?: string;

  @Allow()
  error?: unknown;

  @Allow()
  error_description?: unknown;
}

/** Query of the page that asks who links an identity (contract.md §3.8.2). */
export class SsoLinkPageQuery {
  @Text({ description: 'Of `POST /api/v1/sso`.', required: true })
  ticket: string;

  @Allow()
  error?: unknown;

  @Allow()
  error_description?: unknown;
}
