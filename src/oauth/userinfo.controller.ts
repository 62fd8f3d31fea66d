import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Config } from '../config/config.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { avatarUrl, profileUrl } from '../users/profile.js';

/** Claims about the signed-in person; never an e-mail address (OpenID Connect Core §5.1). */
export class UserinfoResponse {
  @ApiProperty({ example: 'https://example.org' })
  iss: string;

  @ApiProperty({ example: 'https://example.org/users/alice' })
  sub: string;

  @ApiProperty({ example: 'Alice' })
  name: string;

  @ApiProperty({ example: 'alice' })
  preferred_username: string;

  @ApiProperty({ example: 'https://example.org/users/alice' })
  profile: string;

  @ApiProperty({ example: 'https://example.org/assets/avatar.svg' })
  picture: string;
}

/** Who a token belongs to, for generic OAuth clients (contract.md §2.10). */
@ApiTags('OAuth')
@Controller('oauth/userinfo')
export class UserinfoController {
  constructor(private readonly config: Config) {}

  @Get()
  @UserToken('profile', 'read:accounts')
  @ApiOperation({ summary: 'Who the token belongs to.' })
  @ApiOkResponse({ type: UserinfoResponse })
  @ApiFailures(401, 403)
  read(@CallingUser() user: SignedInUser): UserinfoResponse {
    return mapUserinfo(this.config, user);
  }

  @Post()
  @HttpCode(200)
  @UserToken('profile', 'read:accounts')
  @ApiOperation({ summary: 'The same, for clients that post.' })
  @ApiOkResponse({ type: UserinfoResponse })
  @ApiFailures(401, 403)
  readByPost(@CallingUser() user: SignedInUser): UserinfoResponse {
    return mapUserinfo(this.config, user);
  }
}

function mapUserinfo(config: Config, { username, displayName }: SignedInUser): UserinfoResponse {
  const profile = profileUrl(config, username);
  return {
    iss: config.publicUrl,
    sub: profile,
    name: displayName || username,
    preferred_username: username,
    profile,
    picture: avatarUrl(config),
  };
}
