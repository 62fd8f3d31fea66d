import { ApiProperty } from '@nestjs/swagger';
import type { Config } from '../config/config.js';
import { describeProvider } from '../providers/provider.js';
import { avatarUrl } from '../users/profile.js';

/** What the answers are made of. */
export interface InstanceFacts {
  config: Config;
  users: number;
  /** People who used a session in the last 30 days. */
  active: number;
}

/** `GET /api/v1/instance` (contract.md §8.1). */
export class InstanceV1Response {
  @ApiProperty({ example: 'example.org' })
  uri: string;

  @ApiProperty({ example: 'Gatehouse' })
  title: string;

  @ApiProperty({ example: '2.7.2 (compatible; Pleroma 2.5.0)' })
  version: string;

  @ApiProperty({ example: true })
  registrations: boolean;

  [field: string]: unknown;
}

/** `GET /api/v2/instance` (contract.md §8.2). */
export class InstanceV2Response {
  @ApiProperty({ example: 'example.org', description: 'With the port, if any: frontends build URLs from it.' })
  domain: string;

  @ApiProperty({ example: 'Gatehouse' })
  title: string;

  @ApiProperty({ example: '2.7.2 (compatible; Pleroma 2.5.0)' })
  version: string;

  [field: string]: unknown;
}

const MAX_CHARACTERS = 5000;
const POLLS = { max_options: 4, min_expiration: 300, max_expiration: 2_629_746 };

/** Rules as Mastodon numbers them. */
function rules({ instance }: Config): { id: string; text: string }[] {
  return instance.rules.map((text, index) => ({ id: String(index + 1), text }));
}

function streamingUrl(config: Config): string {
  return config.publicUrl.replace(/^http/, 'ws');
}

function thumbnailUrl(config: Config): string {
  return config.instance.thumbnail ?? avatarUrl(config);
}

/** Lysand's block, by which frontends draw their buttons (contract.md §8). */
function sso(config: Config): object {
  const { forced, providers } = config.sso;
  return { forced, providers: providers.map((provider) => describeProvider(config, provider)) };
}

function configuration(): object {
  return {
    accounts: {
      max_featured_tags: 0,
      max_displayname_characters: 100,
      max_username_characters: 30,
      max_note_characters: 5000,
      // As Lysand names them; Pleroma's names for the same stand in `fields_limits`.
      fields: { max_fields: 4, max_name_characters: 255, max_value_characters: 2047 },
    },
    statuses: { max_characters: MAX_CHARACTERS, max_media_attachments: 4, characters_reserved_per_url: 23 },
    media_attachments: { supported_mime_types: [] },
    polls: { ...POLLS, max_characters_per_option: 50 },
  };
}

function pleroma({ config, active }: InstanceFacts): object {
  return {
    metadata: {
      account_activation_required: config.confirmsEmail,
      birthday_required: false,
      birthday_min_age: 0,
      features: ['pleroma_api', 'mastodon_api'],
      federation: { enabled: true },
      fields_limits: { max_fields: 4, name_length: 255, value_length: 2047 },
    },
    // Soapbox turns each name into a button for a protocol that is not offered.
    oauth_consumer_strategies: [],
    stats: { mau: active },
    vapid_public_key: '',
  };
}

/** The instance as Mastodon 3 and Pleroma clients read it. */
export function mapInstanceV1(facts: InstanceFacts): InstanceV1Response {
  const { config, users } = facts;
  const { instance, registrations } = config;
  return {
    uri: config.domain,
    title: instance.title,
    short_description: instance.short_description,
    description: instance.description,
    email: instance.email ?? '',
    version: instance.version_string,
    languages: instance.languages,
    registrations: config.registersByPassword,
    approval_required: registrations.approval,
    invites_enabled: false,
    max_toot_chars: MAX_CHARACTERS,
    // megalodon fails without it.
    poll_limits: { ...POLLS, max_option_chars: 50 },
    thumbnail: thumbnailUrl(config),
    urls: { streaming_api: streamingUrl(config) },
    stats: { user_count: users, status_count: 0, domain_count: 0 },
    contact_account: null,
    rules: rules(config),
    configuration: configuration(),
    sso: sso(config),
    pleroma: pleroma(facts),
  };
}

/** The instance as Mastodon 4 clients read it. */
export function mapInstanceV2(facts: InstanceFacts): InstanceV2Response {
  const { config, active } = facts;
  const { instance, registrations } = config;
  const thumbnail = { url: thumbnailUrl(config) };
  return {
    domain: config.domain,
    title: instance.title,
    version: instance.version_string,
    source_url: config.url('/docs'),
    description: instance.description,
    usage: { users: { active_month: active } },
    thumbnail,
    banner: thumbnail,
    icon: [],
    languages: instance.languages,
    rules: rules(config),
    contact: { email: instance.email ?? '', account: null },
    api_versions: { mastodon: 2 },
    registrations: {
      enabled: config.registersByPassword,
      approval_required: registrations.approval,
      message: registrations.message,
      url: config.url(config.frontend.routes.register),
    },
    configuration: {
      ...configuration(),
      urls: { streaming: streamingUrl(config) },
      vapid: { public_key: '' },
      translation: { enabled: false },
      emojis: {},
    },
    sso: sso(config),
    pleroma: pleroma(facts),
  };
}
