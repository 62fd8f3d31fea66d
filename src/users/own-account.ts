import { userIsVisible } from './account-state.js';

/** What only a person's own account tells of them, as it is read with their access token. */
export interface OwnAccount {
  locked: boolean;
  bot: boolean;
  discoverable: boolean;
  settingsStore: object;
  /** Whether there is anything to count: follows or requests, of either direction. */
  hasFollows: boolean;
}

/** The columns of `OwnAccount`, of `"user"` named `u`. Counts are not among them: they would hold up all other look-ups. */
export const OWN_COLUMNS = `u.locked, u.bot, u.discoverable, u.settings_store as "settingsStore",
  exists (select from relationship where source_id = u.id and kind = 'follow')
    or exists (select from relationship where target_id = u.id and kind = 'follow') as "hasFollows"`;

/** How many follow an account, as a scalar subquery: accepted follows by accounts that can be seen; no more than `most`. */
export const FOLLOWERS = (id: string, most: number | null = null) =>
  countOf('target_id', 'source_id', id, 'accepted', most);

/** How many an account follows. */
export const FOLLOWING = (id: string, most: number | null = null) =>
  countOf('source_id', 'target_id', id, 'accepted', most);

/** How many wait for an account's answer. */
export const FOLLOW_REQUESTS = (id: string) => countOf('target_id', 'source_id', id, 'requested', null);

/** Only who cannot be seen is looked for: counting all others through their rows costs more than twice as much. */
function countOf(own: string, other: string, id: string, state: string, most: number | null): string {
  return `(select count(*) from (
    select from relationship r where r.${own} = ${id} and r.kind = 'follow' and r.state = '${state}'
      and not exists (select from "user" w where w.id = r.${other} and not ${userIsVisible('w')}) limit ${most}) counted)`;
}
