import { ApiProperty } from '@nestjs/swagger';
import type { Config } from '../config/config.js';
import { profileUrl } from '../users/profile.js';
import type { IssuedSession } from './issue-session.js';

/** What a grant yields (RFC 6749 §5.1, with Pleroma's `id` and `me`). */
export class TokenResponse {
  @ApiProperty({ example: 9275, description: 'The session’s id, the same through refreshes.' })
  id: number;

  @ApiProperty({ example: 'hV9d…' })
  access_token: string;

  @ApiProperty({ example: 'Bearer' })
  token_type: string;

  @ApiProperty({ example: 'read write', description: 'What was granted.' })
  scope: string;

  @ApiProperty({ example: 1767323045, description: 'Unix seconds.' })
  created_at: number;

  @ApiProperty({ example: 7776000, required: false, description: 'Seconds; absent when the token never expires.' })
  expires_in?: number;

  @ApiProperty({ example: 'sT4q…', required: false, description: 'Of a person’s token.' })
  refresh_token?: string;

  @ApiProperty({
    example: 'https://example.org/users/alice',
    required: false,
    description: 'The account’s `url`; Soapbox finds its own session by it.',
  })
  me?: string;
}

/** The issued session as on the wire. */
export function mapToken(config: Config, issued: IssuedSession): TokenResponse {
  return {
    id: issued.id,
    access_token: issued.accessToken,
    token_type: 'Bearer',
    scope: issued.scope,
    created_at: Math.floor(issued.createdAt.getTime() / 1000),
    ...(issued.expiresIn > 0 && { expires_in: issued.expiresIn }),
    ...(issued.refreshToken !== null && { refresh_token: issued.refreshToken }),
    ...(issued.username !== null && { me: profileUrl(config, issued.username) }),
  };
}
