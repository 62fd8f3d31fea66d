import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { type Detail, ValidationFailed } from '../common/errors.js';
import { poolOf } from '../database/pool.js';
import type { SignedInUser } from '../sessions/principal.js';
import { FOLLOW_REQUESTS, FOLLOWERS, FOLLOWING } from '../users/own-account.js';
import type { Profile, UpdateCredentialsBody } from './credential-account.dto.js';

/** The most characters of a profile's texts; what the instance tells clients (contract.md §8.2). */
const MOST = { display_name: 100, note: 5000 } as const;

/** The most that frontends may keep of one person, in bytes of JSON. */
const LARGEST_STORE = 64 * 1024;

/** A person's own profile: reads it whole, and changes it. */
@Injectable()
export class ProfileService {
  constructor(
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** The signed-in person's account: what came with the token, and how many follow, if any do. */
  async read(user: SignedInUser): Promise<Profile> {
    const { own } = user;
    if (!own) throw new Error('The route does not read the own account');
    const counts = own.hasFollows ? await this.count(user.id) : NOBODY;
    return { ...user, ...own, ...counts, host: null, uri: null, url: null };
  }

  /**
   * Changes what the body names. Who waits to follow goes on waiting when the account is unlocked, as at Mastodon.
   * @throws ValidationFailed naming every value that is too long
   */
  async update(user: SignedInUser, body: UpdateCredentialsBody, client: ClientInfo): Promise<Profile> {
    const [displayName, note] = [body.display_name?.trim(), body.note?.trim()];
    const problems = [...tooLong('display_name', displayName), ...tooLong('note', note)];
    if (problems.length > 0) throw new ValidationFailed(problems);
    const { locked, bot, discoverable, pleroma_settings_store: store } = body;
    const changed = await this.dataSource.transaction(async (tx) => {
      const [[row]] = await tx.query(UPDATE, [
        user.id,
        displayName,
        note,
        locked,
        bot,
        discoverable,
        JSON.stringify(store ?? {}),
        LARGEST_STORE,
      ]);
      if (!row) throw new ValidationFailed([STORE_TOO_LARGE]);
      // What frontends keep is no profile, and Pleroma-FE writes it all the time.
      const { hasChanged, ...columns } = row;
      if (hasChanged) await this.audit.record({ type: 'profile.changed', userId: user.id }, client, tx);
      return columns;
    });
    const { displayName: shown, note: told, ...own } = changed;
    return this.read({ ...user, displayName: shown, note: told, own: user.own && { ...user.own, ...own } });
  }

  private async count(userId: string): Promise<Counts> {
    const { rows } = await poolOf(this.dataSource).query<Counts>({
      name: 'count_own_follows',
      text: `select ${FOLLOWERS('$1')} as "followersCount", ${FOLLOWING('$1')} as "followingCount",
        ${FOLLOW_REQUESTS('$1')} as "followRequestsCount"`,
      values: [userId],
    });
    return rows[0] ?? NOBODY;
  }
}

type Counts = Pick<Profile, 'followersCount' | 'followingCount' | 'followRequestsCount'>;

const NOBODY: Counts = { followersCount: 0, followingCount: 0, followRequestsCount: 0 };

const UPDATE = `
  with old as (select * from "user" where id = $1 for no key update)
  update "user" u set display_name = coalesce($2, old.display_name), note = coalesce($3, old.note),
    locked = coalesce($4, old.locked), bot = coalesce($5, old.bot), discoverable = coalesce($6, old.discoverable),
    settings_store = old.settings_store || $7::jsonb
  from old where u.id = old.id and octet_length((old.settings_store || $7::jsonb)::text) <= $8
  returning u.display_name as "displayName", u.note, u.locked, u.bot, u.discoverable, u.settings_store as "settingsStore",
    (u.display_name, u.note, u.locked, u.bot, u.discoverable)
      is distinct from (old.display_name, old.note, old.locked, old.bot, old.discoverable) as "hasChanged"`;

const STORE_TOO_LARGE: Detail = {
  field: 'pleroma_settings_store',
  error: 'ERR_TOO_LONG',
  description: `is too large (maximum is ${LARGEST_STORE} bytes)`,
};

function tooLong(field: keyof typeof MOST, text = ''): Detail[] {
  if (text.length <= MOST[field]) return [];
  return [{ field, error: 'ERR_TOO_LONG', description: `is too long (maximum is ${MOST[field]} characters)` }];
}
