import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { Text } from '../common/fields.js';

/** Parameters of `POST /api/auth/redirect` and `POST /oauth/authorize`, in query or body (contract.md §3.5). */
export class ConsentParameters {
  @Text({ description: 'As on the consent page.' })
  client_id?: string;

  @Text({ description: 'As on the consent page, byte for byte.' })
  redirect_uri?: string;

  @Text({
    description: 'The consent page’s; absent means the newest pending one of this browser for that client and URI.',
  })
  code?: string;

  @Text({ description: 'A subset narrows the grant.' })
  scope?: string;

  @Text({ description: 'Only kept for the way back to the login page.', max: 2048, prose: true })
  state?: string;

  @Text({ description: 'Only kept for the way back to the login page.' })
  response_type?: string;

  @Text({ description: 'Only kept for the way back to the login page.' })
  code_challenge?: string;

  @Text({ description: 'Only kept for the way back to the login page.' })
  code_challenge_method?: string;

  @ApiProperty({ required: false, enum: ['approve', 'deny'], default: 'approve' })
  @IsIn(['approve', 'deny'])
  decision: 'approve' | 'deny' = 'approve';
}
