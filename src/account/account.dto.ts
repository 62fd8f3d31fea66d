import { ApiProperty } from '@nestjs/swagger';
import type { Config } from '../config/config.js';
import type { SignedInUser } from '../sessions/principal.js';
import { avatarUrl, headerUrl, profileUrl } from '../users/profile.js';

/** Mastodon's CredentialAccount with Pleroma's extension (contract.md §8.4). */
export class CredentialAccountResponse {
  @ApiProperty({ example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' })
  id: string;

  @ApiProperty({ example: 'alice' })
  username: string;

  @ApiProperty({ example: 'alice' })
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

  @ApiProperty({ type: Object, description: 'What only the owner sees.' })
  source: object;

  @ApiProperty({ type: Object })
  role: object;

  @ApiProperty({ type: Object, description: 'Pleroma’s extension.' })
  pleroma: object;
}

/** Mastodon's ids of the roles. */
const ROLES = {
  user: { id: '-99', name: '' },
  moderator: { id: '2', name: 'Moderator' },
  admin: { id: '3', name: 'Admin' },
} as const;

/** The signed-in person's account as on the wire; the e-mail address never is. */
export function mapCredentialAccount(config: Config, user: SignedInUser): CredentialAccountResponse {
  const [url, avatar, header] = [profileUrl(config, user.username), avatarUrl(config), headerUrl(config)];
  return {
    id: user.id,
    username: user.username,
    acct: user.username,
    fqn: `${user.username}@${config.domain}`,
    display_name: user.displayName || user.username,
    locked: false,
    bot: false,
    group: false,
    discoverable: true,
    noindex: false,
    created_at: user.createdAt.toISOString(),
    note: asHtml(user.note),
    url,
    uri: url,
    avatar,
    avatar_static: avatar,
    header,
    header_static: header,
    followers_count: 0,
    following_count: 0,
    statuses_count: 0,
    last_status_at: null,
    emojis: [],
    fields: [],
    roles: [],
    moved: null,
    suspended: false,
    limited: false,
    source: {
      privacy: 'public',
      sensitive: false,
      language: user.locale,
      note: user.note,
      fields: [],
      follow_requests_count: 0,
      pleroma: { discoverable: true, actor_type: 'Person', no_rich_text: false, show_role: true },
    },
    role: { ...ROLES[user.role], permissions: user.role === 'admin' ? '1' : '0', highlighted: user.role !== 'user' },
    pleroma: {
      ap_id: url,
      is_admin: user.role === 'admin',
      is_moderator: user.role === 'moderator',
      is_confirmed: !user.confirmationPending,
      is_active: true,
      is_local: true,
      deactivated: false,
      tags: [],
      hide_follows: false,
      hide_followers: false,
      hide_favorites: true,
      relationship: {},
      settings_store: {},
      notification_settings: { block_from_strangers: false, hide_notification_contents: false },
      allow_following_move: true,
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
