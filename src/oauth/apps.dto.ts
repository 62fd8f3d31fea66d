import { ApiProperty } from '@nestjs/swagger';
import { IsIn, ValidateIf } from 'class-validator';
import type { RegisteredClient, Registration } from '../applications/applications.service.js';
import { joinedRedirectUris, type OAuthClient } from '../applications/client.js';
import { Text, TextOrList } from '../common/fields.js';

/** Body of `POST /api/v1/apps` (contract.md §2.1). */
export class RegisterAppBody {
  @Text({
    description: 'Shown to people when they are asked for consent.',
    example: 'My client',
    required: true,
    max: 65_536,
    prose: true,
  })
  client_name: string;

  @TextOrList({
    description: '1 to 20 URIs; a string is split at white space.',
    example: 'https://app.example/callback',
    required: true,
  })
  redirect_uris: string | string[];

  @TextOrList({ description: 'Separated by spaces or commas, or a list; `read` by default.', example: 'read write' })
  scopes?: string | string[];

  @ApiProperty({ type: String, required: false, nullable: true, example: 'https://app.example' })
  @ValidateIf((_, value) => value !== undefined && value !== null)
  @Text({ description: 'An http(s) URL.', max: 65_536 })
  website?: string | null;

  @ApiProperty({
    required: false,
    enum: ['none', 'client_secret_basic', 'client_secret_post'],
    description: '`none` makes a public client.',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsIn(['none', 'client_secret_basic', 'client_secret_post'])
  token_endpoint_auth_method?: string;
}

/** A client program as it is told about. */
export class AppResponse {
  @ApiProperty({ example: '12' })
  id: string;

  @ApiProperty({ example: 'My client' })
  name: string;

  @ApiProperty({ type: String, nullable: true, example: null })
  website: string | null;

  @ApiProperty({ type: [String], example: ['read', 'write'] })
  scopes: string[];

  @ApiProperty({ example: 'https://app.example/callback', description: 'All of them, one a line.' })
  redirect_uri: string;

  @ApiProperty({ type: [String], example: ['https://app.example/callback'] })
  redirect_uris: string[];

  @ApiProperty({ example: '', description: 'No push service here.' })
  vapid_key: string;
}

/** A new client program, with what it authenticates by. */
export class RegisteredAppResponse extends AppResponse {
  @ApiProperty({ example: 'w3ZqJx…' })
  client_id: string;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'k0bE5u…',
    description: 'Shown once; null for a public client.',
  })
  client_secret: string | null;

  @ApiProperty({ example: 0, description: 'Never expires (RFC 7591).' })
  client_secret_expires_at: number;
}

/** Reads the body as a registration; every spelling that clients use comes down to one. */
export function readRegistration(body: RegisterAppBody): Registration {
  const scopes = body.scopes === undefined ? 'read' : [body.scopes].flat().join(' ');
  return {
    // Pleroma-FE 2022 sends a line break in it; bidi overrides could disguise it (security.md R17).
    name: body.client_name.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim(),
    redirectUris:
      typeof body.redirect_uris === 'string'
        ? body.redirect_uris.split(/\s+/).filter((uri) => uri !== '')
        : body.redirect_uris,
    scopes: scopes.split(/[\s,]+/).filter((word) => word !== ''),
    website: body.website || null,
    isPublic: body.token_endpoint_auth_method === 'none',
  };
}

/** The client as on the wire. */
export function mapApp(client: Pick<OAuthClient, 'id' | 'name' | 'website' | 'scope' | 'redirectUris'>): AppResponse {
  return {
    id: String(client.id),
    name: client.name,
    website: client.website,
    scopes: client.scope.split(' '),
    redirect_uri: joinedRedirectUris(client),
    redirect_uris: client.redirectUris,
    vapid_key: '',
  };
}

/** The new client as on the wire. */
export function mapRegisteredApp(client: RegisteredClient): RegisteredAppResponse {
  return { ...mapApp(client), client_id: client.clientId, client_secret: client.secret, client_secret_expires_at: 0 };
}
