import { ApiProperty } from '@nestjs/swagger';
import { Allow } from 'class-validator';
import { Text } from '../common/fields.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';

/** Query of the login page: an authorization request, and what only the page reads (contract.md §2.3). */
export class LoginPageQuery extends AuthorizationParameters {
  @ApiProperty({ type: String, required: false, description: '`none` is answered with `login_required`.' })
  @Allow()
  prompt?: unknown;

  @ApiProperty({ type: String, required: false, description: '`true` has the password typed again.' })
  @Allow()
  force_login?: unknown;

  @ApiProperty({ type: String, required: false, description: 'Of a form post that was answered with a redirect here.' })
  @Allow()
  error?: unknown;

  @ApiProperty({ type: String, required: false })
  @Allow()
  error_description?: unknown;

  @ApiProperty({ type: String, required: false, description: 'The state of the account, when that is why.' })
  @Allow()
  identifier?: unknown;
}

/** Query of the consent page; whatever else arrives there is for frontends that cannot read our rows (contract.md §3.1). */
export class ConsentPageQuery {
  @Text({ description: 'The pending code.', required: true })
  code: string;
}

/** Query of the page that shows an out-of-band code (contract.md §3.5.2). */
export class CodePageQuery {
  @Text({ description: 'The code to copy.' })
  code?: string;

  @Text({ description: 'Why there is none.' })
  error?: string;
}

/** Query of the page of a new password (contract.md §3.1, §5.5). */
export class PasswordResetQuery {
  @Text({ description: 'Of the link in the mail.' })
  token?: string;

  @Text({ description: '`true` after it was set.' })
  success?: string;

  @Text({ description: '`true` when a sign-in led here.' })
  login_reset?: string;

  @Allow()
  error?: unknown;

  @Allow()
  error_description?: unknown;
}

/** Query of the page that brings an account back; the rest is the sign-in it belongs to (contract.md §3.1). */
export class ReactivatePageQuery extends AuthorizationParameters {
  @Text({ description: 'Of the sign-in.', required: true })
  reactivation_token: string;

  @Text({ description: '`disabled` or `deletion_pending`.' })
  reason?: string;
}

/** Query of the page that asks for the second factor; the rest is the sign-in it belongs to (contract.md §3.1). */
export class SecondFactorPageQuery extends AuthorizationParameters {
  @Text({ description: 'Of the sign-in.', required: true })
  mfa_token: string;

  @Text({ description: 'How one may answer, for frontends that cannot read our rows.' })
  challenge_types?: string;

  @Text({ description: '`requested` after somebody said that every factor is lost.' })
  recovery?: string;

  @Allow()
  error?: unknown;

  @Allow()
  error_description?: unknown;
}

/** Query of the home page: how linking an identity ended (contract.md §3.1). */
export class HomePageQuery {
  @Allow()
  oidc_account_linked?: unknown;

  @Allow()
  oidc_account_linking_error?: unknown;

  @Allow()
  oidc_account_linking_error_message?: unknown;
}
