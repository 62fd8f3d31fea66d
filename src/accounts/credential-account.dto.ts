import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ValidateBy, ValidateIf } from 'class-validator';
import { parseJson } from '../common/body-parsers.js';
import { Flag, Text } from '../common/fields.js';
import { refuseUnstorable } from '../common/parameters.js';
import type { Config } from '../config/config.js';
import type { KnownAccount } from '../relationships/known-accounts.js';
import type { OwnAccount } from '../users/own-account.js';
import { AccountResponse, mapAccount } from './account.dto.js';

/** Long enough to be refused by name instead of by form. */
const ANY_LENGTH = { max: 65_536 };

/** Body of `PATCH /api/v1/accounts/update_credentials` (contract.md §8.4). */
export class UpdateCredentialsBody {
  @Text({ description: 'The name that is shown; at most 100 characters.', example: 'Alice', ...ANY_LENGTH })
  display_name?: string;

  @Text({ description: 'About yourself, as plain text; at most 5000 characters.', prose: true, ...ANY_LENGTH })
  note?: string;

  @Flag({ description: 'Whoever wants to follow has to be accepted.' })
  locked?: boolean;

  @Flag({ description: 'The account is run by a program.' })
  bot?: boolean;

  @Flag({ description: 'The account wants to be found.' })
  discoverable?: boolean;

  @SettingsStore()
  pleroma_settings_store?: object;
}

/** Mastodon's CredentialAccount with Pleroma's extension (contract.md §8.4). */
export class CredentialAccountResponse extends AccountResponse {
  @ApiProperty({ type: Object, description: 'What only the owner sees.' })
  source: object;

  @ApiProperty({ type: Object })
  role: object;
}

/** A person's own account. */
export interface Profile extends KnownAccount, OwnAccount {
  locale: string | null;
  confirmationPending: boolean;
  followRequestsCount: number;
}

/** Mastodon's ids of the roles. */
const ROLES = {
  user: { id: '-99', name: '' },
  moderator: { id: '2', name: 'Moderator' },
  admin: { id: '3', name: 'Admin' },
} as const;

/** The signed-in person's account as on the wire; the e-mail address never is. */
export function mapCredentialAccount(config: Config, own: Profile): CredentialAccountResponse {
  const { role, discoverable, bot, followRequestsCount } = own;
  const account = mapAccount(config, own);
  return {
    ...account,
    source: {
      privacy: 'public',
      sensitive: false,
      language: own.locale,
      note: own.note,
      fields: [],
      follow_requests_count: followRequestsCount,
      pleroma: { discoverable, actor_type: bot ? 'Service' : 'Person', no_rich_text: false, show_role: true },
    },
    role: { ...ROLES[role], permissions: role === 'admin' ? '1' : '0', highlighted: role !== 'user' },
    pleroma: {
      ...account.pleroma,
      is_confirmed: !own.confirmationPending,
      is_active: true,
      settings_store: own.settingsStore,
      notification_settings: { block_from_strangers: false, hide_notification_contents: false },
      allow_following_move: true,
      // Where Pleroma-FE looks for it.
      follow_request_count: followRequestsCount,
    },
  };
}

/** An object with a key for each frontend; forms, which know no objects, send it as JSON. */
function SettingsStore(): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: Object,
      required: false,
      example: { 'pleroma-fe': { theme: 'pleroma-dark' } },
      description: 'What frontends keep, by their key; each key given replaces what was kept by it. At most 64 KiB.',
    }),
    ValidateIf((_, value) => value !== undefined),
    // As sent: the library's own copy of a nested object would lose some of its names.
    Transform(({ obj, key }) => (typeof obj[key] === 'string' ? readStore(obj[key]) : obj[key])),
    ValidateBy({
      name: 'settingsStore',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value),
      },
    }),
  );
}

/** @throws Refusal `malformed_body`, `invalid_characters` */
function readStore(text: string): object {
  const store = parseJson(text);
  refuseUnstorable(store);
  return store;
}
