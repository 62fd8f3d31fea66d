import type { Config } from '../config/config.js';
import type { LinkedIdentity } from '../identities/linked-identity.entity.js';
import { providerOf } from '../providers/provider.js';
import type { OwnRelation } from '../relationships/own-relations.js';
import type { User } from '../users/user.entity.js';
import { type ArchiveFile, jsonArray } from './archive.js';
import { csvLines } from './csv.js';

/** What the files of an archive are made of; lists come in pages, so that no account is too big. */
export interface PersonalData {
  user: User;
  sessions: AsyncIterable<object[]>;
  events: AsyncIterable<object[]>;
  /** One for each provider. */
  identities: readonly LinkedIdentity[];
  follows: AsyncIterable<OwnRelation[]>;
  blocks: AsyncIterable<OwnRelation[]>;
  mutes: AsyncIterable<OwnRelation[]>;
}

/** The headers of Mastodon's exports (its `app/models/export.rb`); the list of blocks has none. */
const FOLLOWING_HEADER = ['Account address', 'Show boosts', 'Notify on new posts', 'Languages'];
const MUTED_HEADER = ['Account address', 'Hide notifications'];

/** The files of one person's archive, in order. */
export function dataFiles(config: Config, data: PersonalData): ArchiveFile[] {
  const { user, sessions, events, identities, follows, blocks, mutes } = data;
  const addressOf = ({ username, host }: OwnRelation) => `${username}@${host ?? config.domain}`;
  return [
    { name: 'README.txt', text: () => [readme(config, user)] },
    { name: 'account.json', text: () => [`${JSON.stringify(profileOf(user), null, 2)}\n`] },
    { name: 'sessions.json', text: () => jsonArray(sessions) },
    {
      name: 'linked_accounts.json',
      text: () => [
        `${JSON.stringify(
          identities.map((identity) => identityOf(config, identity)),
          null,
          2,
        )}\n`,
      ],
    },
    { name: 'security_events.json', text: () => jsonArray(events) },
    {
      name: 'following_accounts.csv',
      text: () =>
        csvLines(FOLLOWING_HEADER, follows, (row) => {
          const languages = row.languages?.join(', ') ?? '';
          return [addressOf(row), String(row.reblogs), String(row.notify), languages];
        }),
    },
    { name: 'blocked_accounts.csv', text: () => csvLines(null, blocks, (row) => [addressOf(row)]) },
    {
      name: 'muted_accounts.csv',
      text: () => csvLines(MUTED_HEADER, mutes, (row) => [addressOf(row), String(row.notifications)]),
    },
  ];
}

function profileOf(user: User): object {
  const { username, email, emailVerifiedAt, displayName, note, locale, createdAt } = user;
  return {
    username,
    email,
    email_verified: emailVerifiedAt !== null,
    display_name: displayName,
    note,
    locale,
    locked: user.locked,
    bot: user.bot,
    discoverable: user.discoverable,
    frontend_settings: user.settingsStore,
    created_at: createdAt.toISOString(),
  };
}

function identityOf(config: Config, { issuer, subject, createdAt, lastUsedAt }: LinkedIdentity): object {
  return {
    provider: providerOf(config, issuer)?.name ?? null,
    issuer,
    subject,
    linked_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}

function readme(config: Config, { username }: User): string {
  return `This is a copy of what ${config.domain} keeps of the account @${username}@${config.domain}.
It was made at ${new Date().toISOString()}.

account.json            Your profile, and what frontends keep for you.
sessions.json           The apps that can use your account.
linked_accounts.json    The accounts elsewhere by which you can sign in.
security_events.json    What happened to your account in the last 90 days, newest first.
following_accounts.csv  Whom you follow or have asked to.
blocked_accounts.csv    Whom you block, an address a line.
muted_accounts.csv      Whom you mute.

The three lists are made as Mastodon makes them, so that other servers can import them.
Passwords, keys and tokens are not in here. Keep this file to yourself all the same: it
tells from which addresses and with which programs you use your account.
`;
}
