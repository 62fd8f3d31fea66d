import { ApiProperty } from '@nestjs/swagger';
import { Text } from '../common/fields.js';
import type { Config } from '../config/config.js';
import { profileUrl } from '../users/profile.js';
import type { Introspection } from './introspect-token.js';

/** Body of `POST /oauth/revoke` (RFC 7009 §2.1) and `POST /oauth/introspect` (RFC 7662 §2.1). */
export class TokenReferenceBody {
  @Text({ description: 'An access or refresh token.', required: true })
  token: string;

  @Text({ description: 'Ignored: we know where to look.' })
  token_type_hint?: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_id?: string;

  @Text({ description: 'Unless HTTP Basic is used.' })
  client_secret?: string;
}

/** What a token stands for (RFC 7662 §2.2); only `active` when it is not. */
export class IntrospectionResponse {
  @ApiProperty({ example: true })
  active: boolean;

  @ApiProperty({ example: 'read', required: false })
  scope?: string;

  @ApiProperty({ example: 'w3Zq…', required: false })
  client_id?: string;

  @ApiProperty({ example: 'alice', required: false })
  username?: string;

  @ApiProperty({ example: 'Bearer', required: false })
  token_type?: string;

  @ApiProperty({ example: 1775099045, required: false, description: 'Absent when the token never expires.' })
  exp?: number;

  @ApiProperty({ example: 1767323045, required: false })
  iat?: number;

  @ApiProperty({ example: 'https://example.org/users/alice', required: false })
  sub?: string;

  @ApiProperty({ example: 'https://example.org', required: false })
  iss?: string;
}

/** The token as on the wire; null is a token that may not be told about. */
export function mapIntrospection(config: Config, found: Introspection | null): IntrospectionResponse {
  if (!found?.tokenClientId) return { active: false };
  return {
    active: true,
    scope: found.tokenScope,
    client_id: found.tokenClientId,
    token_type: 'Bearer',
    iat: found.iat,
    iss: config.publicUrl,
    ...(found.exp !== null && { exp: found.exp }),
    ...(found.username !== null && { username: found.username, sub: profileUrl(config, found.username) }),
  };
}
