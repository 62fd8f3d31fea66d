import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { Flag, Text } from '../common/fields.js';

/** Long enough to be refused by name instead of by form. */
const ANY_LENGTH = { max: 65_536 };

/** Body of `POST /api/auth/sso/register` (contract.md §3.7.1). */
export class SsoRegistrationBody {
  @Text({ description: 'Of the URL that the provider’s callback led to.' })
  registration_token?: string;

  @Text({
    description: '3 to 30 letters, digits and underscores; lower-cased.',
    example: 'alice',
    folded: true,
    ...ANY_LENGTH,
  })
  username?: string;

  @Text({
    description: 'Required where accounts need one and the provider has verified none.',
    example: 'alice@example.org',
    folded: true,
    ...ANY_LENGTH,
  })
  email?: string;

  @Flag({ description: 'The rules of the instance are accepted; must be true.' })
  agreement?: boolean;

  @Text({
    description: 'Why you want to join; required when an operator approves registrations.',
    prose: true,
    ...ANY_LENGTH,
  })
  reason?: string;

  @Text({
    description: 'With `decision=link`: user name or e-mail address of the account that is yours.',
    folded: true,
    ...ANY_LENGTH,
  })
  identifier?: string;

  @Text({ description: 'With `decision=link`: its password.', prose: true, ...ANY_LENGTH })
  password?: string;

  @Text({
    description: 'With `decision=link`: a code of its second factor, or a backup code, where one is on.',
    prose: true,
  })
  code?: string;

  @ApiProperty({
    required: false,
    enum: ['register', 'link', 'cancel'],
    default: 'register',
    description: '`link` gives the identity to an account that you have here.',
  })
  @IsIn(['register', 'link', 'cancel'])
  decision: 'register' | 'link' | 'cancel' = 'register';
}
