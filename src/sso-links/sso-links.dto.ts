import { ApiProperty } from '@nestjs/swagger';
import { Flag, Text } from '../common/fields.js';

/** Body of `POST /api/v1/sso` (Lysand's Frontend API; contract.md §3.8.1). */
export class LinkBody {
  @Text({ description: 'The id of a configured provider.', example: 'keycloak', required: true })
  issuer: string;

  @Text({ description: 'The account’s: as good as a sign-in of just now.', prose: true, max: 65_536 })
  password?: string;

  @Flag({ description: 'The link is opened in another browser than the one that makes this call.' })
  page?: boolean;
}

/** Where to go to link an identity. */
export class LinkResponse {
  @ApiProperty({ example: 'https://sso.example.org/authorize?client_id=…', description: 'To be opened unchanged.' })
  link: string;
}

/** A provider (contract.md §3.8). */
export class ProviderResponse {
  @ApiProperty({ example: 'keycloak' })
  id: string;

  @ApiProperty({ example: 'Keycloak' })
  name: string;

  @ApiProperty({ example: 'https://example.org/assets/provider.svg' })
  icon: string;
}

/** Body of `POST /api/auth/sso/link` (contract.md §3.8.2). */
export class LinkStepBody {
  @Text({ description: 'Of the URL that the link led to.' })
  ticket?: string;

  @Text({ description: 'The account’s.', prose: true, max: 65_536 })
  password?: string;

  @Text({ description: 'Of the second factor, or a backup code, where one is on.', prose: true })
  code?: string;

  @Text({
    description: 'In place of the password: the id of a provider by which the account signs in already.',
    example: 'keycloak',
  })
  via?: string;
}
