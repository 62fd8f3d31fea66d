import { ApiProperty } from '@nestjs/swagger';
import { Flag, Text } from '../common/fields.js';
import type { Config } from '../config/config.js';
import { mapToken, TokenResponse } from '../sessions/token.dto.js';
import type { Registered } from './registration.service.js';

/** Long enough to be refused by name instead of by form. */
const ANY_LENGTH = { max: 65_536 };

/** Body of `POST /api/v1/accounts` (contract.md §5.1); missing values are refused with Mastodon's details. */
export class RegistrationBody {
  @Text({
    description: '3 to 30 letters, digits and underscores; lower-cased.',
    example: 'alice',
    folded: true,
    ...ANY_LENGTH,
  })
  username?: string;

  @Text({
    description: 'Required unless the operator says otherwise.',
    example: 'alice@example.org',
    folded: true,
    ...ANY_LENGTH,
  })
  email?: string;

  @Text({ description: 'At least 8 characters.', example: 'correct horse battery staple', prose: true, ...ANY_LENGTH })
  password?: string;

  @Flag({ description: 'The rules of the instance are accepted; must be true.' })
  agreement?: boolean;

  @Text({ description: 'A language tag.', example: 'en', max: 35 })
  locale?: string;

  @Text({
    description: 'Why you want to join; required when an operator approves registrations.',
    prose: true,
    ...ANY_LENGTH,
  })
  reason?: string;

  @Text({ description: 'The name that is shown.', example: 'Alice', prose: true, ...ANY_LENGTH })
  fullname?: string;

  @Text({ description: 'The same, as Mastodon calls it.', prose: true, ...ANY_LENGTH })
  display_name?: string;

  @Text({ description: 'About yourself.', prose: true, ...ANY_LENGTH })
  bio?: string;

  @Text({ description: '`token` of `GET /api/pleroma/captcha`; required where captchas are on.', ...ANY_LENGTH })
  captcha_token?: string;

  @Text({ description: '`answer_data` of the same captcha.', ...ANY_LENGTH })
  captcha_answer_data?: string;

  @Text({
    description: 'The characters of the picture, or the answer to the question.',
    example: 'forty-seven',
    prose: true,
    ...ANY_LENGTH,
  })
  captcha_solution?: string;
}

/** A token, or a word on what is still to be done, or both. */
export class RegistrationResponse extends TokenResponse {
  @ApiProperty({ required: false, example: 'awaiting_approval', description: 'Why the account cannot be used yet.' })
  identifier?: string;

  @ApiProperty({ required: false, example: 'Your account is awaiting approval.' })
  message?: string;
}

/** The registration as on the wire. */
export function mapRegistration(
  config: Config,
  { issued, identifier, message }: Registered,
): Partial<RegistrationResponse> {
  return { ...(issued && mapToken(config, issued)), ...(identifier !== null && { identifier, message }) };
}
