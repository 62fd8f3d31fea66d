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
