import type { Config } from '../config/config.js';
import type { LinkedIdentity } from '../identities/linked-identity.entity.js';
import { providerOf } from '../providers/provider.js';
import type { User } from '../users/user.entity.js';
import { type ArchiveFile, jsonArray } from './archive.js';
import { csvLine } from './csv.js';

/** What the files of an archive are made of; lists come in pages, so that no account is too big. */
export interface PersonalData {
  user: User;
  sessions: AsyncIterable<object[]>;
  events: AsyncIterable<object[]>;
  /** One for each provider. */
  identities: readonly LinkedIdentity[];
}

/** The headers of Mastodon's exports (its `app/models/export.rb`); the list of blocks has none. */
const FOLLOWING_HEADER = ['Account address', 'Show boosts', 'Notify on new posts', 'Languages'];
const MUTED_HEADER = ['Account address', 'Hide notifications'];

/** The files of one person's archive, in order. */
export function dataFiles(config: Config, { user, sessions, events, identities }: PersonalData): ArchiveFile[] {
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
    // Nobody can follow, block or mute yet.
    { name: 'following_accounts.csv', text: () => [csvLine(FOLLOWING_HEADER)] },
    { name: 'blocked_accounts.csv', text: () => [] },
    { name: 'muted_accounts.csv', text: () => [csvLine(MUTED_HEADER)] },
  ];
}

function profileOf({ username, email, emailVerifiedAt, displayName, note, locale, createdAt }: User): object {
  return {
    username,
    email,
    email_verified: emailVerifiedAt !== null,
    display_name: displayName,
    note,
    locale,
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

account.json            Your profile.
sessions.json           The apps that can use your account.
linked_accounts.json    The accounts elsewhere by which you can sign in.
security_events.json    What happened to your account in the last 90 days, newest first.
following_accounts.csv  Whom you follow.
blocked_accounts.csv    Whom you block, an address a line.
muted_accounts.csv      Whom you mute.

The three lists are made as Mastodon makes them, so that other servers can import them.
Passwords, keys and tokens are not in here. Keep this file to yourself all the same: it
tells from which addresses and with which programs you use your account.
`;
}
