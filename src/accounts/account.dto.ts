import { ApiProperty } from '@nestjs/swagger';
import { Text } from '../common/fields.js';
import type { Config } from '../config/config.js';
import { handleOf } from '../lists/handle.js';
import type { KnownAccount } from '../relationships/known-accounts.js';
import { avatarUrl, headerUrl, profileUrl } from '../users/profile.js';
import type { RelationshipResponse } from './relationship.dto.js';

/** Query of `GET /api/v1/accounts/lookup`. */
export class LookupQuery {
  @Text({ description: '`user` or `user@host`.', example: 'bob@example.com', required: true })
  acct: string;
}

/** Mastodon's Account with Pleroma's extension (contract.md §8.4). */
export class AccountResponse {
  @ApiProperty({ example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' })
  id: string;

  @ApiProperty({ example: 'alice' })
  username: string;

  @ApiProperty({ example: 'alice', description: 'With the host, for somebody elsewhere.' })
  acct: string;

  @ApiProperty({ example: 'alice@example.org' })
  fqn: string;

  @ApiProperty({ example: 'Alice' })
  display_name: string;

  @ApiProperty({ example: false })
  locked: boolean;

  @ApiProperty({ example: false })
  bot: boolean;

  @ApiProperty({ example: false })
  group: boolean;

  @ApiProperty({ example: true })
  discoverable: boolean;

  @ApiProperty({ example: false })
  noindex: boolean;

  @ApiProperty({ example: '2026-01-02T00:00:00.000Z' })
  created_at: string;

  @ApiProperty({ example: '', description: 'HTML.' })
  note: string;

  @ApiProperty({ example: 'https://example.org/users/alice' })
  url: string;

  @ApiProperty({ example: 'https://example.org/users/alice' })
  uri: string;

  @ApiProperty({ example: 'https://example.org/assets/avatar.svg' })
  avatar: string;

  @ApiProperty({ example: 'https://example.org/assets/avatar.svg' })
  avatar_static: string;

  @ApiProperty({ example: 'https://example.org/assets/header.svg' })
  header: string;

  @ApiProperty({ example: 'https://example.org/assets/header.svg' })
  header_static: string;

  @ApiProperty({ example: 0 })
  followers_count: number;

  @ApiProperty({ example: 0 })
  following_count: number;

  @ApiProperty({ example: 0 })
  statuses_count: number;

  @ApiProperty({ type: String, nullable: true, example: null })
  last_status_at: string | null;

  @ApiProperty({ type: [Object], example: [] })
  emojis: object[];

  @ApiProperty({ type: [Object], example: [] })
  fields: object[];

  @ApiProperty({ type: [Object], example: [] })
  roles: object[];

  @ApiProperty({ type: Object, nullable: true, example: null })
  moved: object | null;

  @ApiProperty({ example: false })
  suspended: boolean;

  @ApiProperty({ example: false })
  limited: boolean;

  @ApiProperty({ type: Object, description: 'Pleroma’s extension.' })
  pleroma: object;
}

/** What everybody may see of an account; `relationship` is how the caller stands to it, where that was asked for. */
export function mapAccount(
  config: Config,
  account: KnownAccount,
  relationship: RelationshipResponse | object = {},
): AccountResponse {
  const { id, username, host, role, bot, discoverable, locked } = account;
  const uri = account.uri ?? profileUrl(config, username);
  const [avatar, header] = [avatarUrl(config), headerUrl(config)];
  return {
    id,
    username,
    acct: handleOf({ username, host }),
    fqn: `${username}@${host ?? config.domain}`,
    display_name: account.displayName || username,
    locked,
    bot,
    group: false,
    discoverable,
    noindex: false,
    created_at: account.createdAt.toISOString(),
    note: asHtml(account.note),
    url: account.url ?? uri,
    uri,
    avatar,
    avatar_static: avatar,
    header,
    header_static: header,
    followers_count: account.followersCount,
    following_count: account.followingCount,
    statuses_count: 0,
    last_status_at: null,
    emojis: [],
    fields: [],
    roles: [],
    moved: null,
    suspended: false,
    limited: false,
    pleroma: {
      ap_id: uri,
      is_admin: role === 'admin',
      is_moderator: role === 'moderator',
      is_confirmed: true,
      is_local: host === null,
      deactivated: false,
      tags: [],
      hide_follows: false,
      hide_followers: false,
      hide_favorites: true,
      relationship,
    },
  };
}

/** `note` is HTML on the wire and plain text in the row. */
function asHtml(text: string): string {
  const escaped = text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
  return escaped.replaceAll('\n', '<br>');
}
