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

/** How many follow an account, as a scalar subquery: accepted follows by accounts that can be seen. */
export const FOLLOWERS = (id: string) => countOf('target_id', 'source_id', id, 'accepted');

/** How many an account follows. */
export const FOLLOWING = (id: string) => countOf('source_id', 'target_id', id, 'accepted');

/** How many wait for an account's answer. */
export const FOLLOW_REQUESTS = (id: string) => countOf('target_id', 'source_id', id, 'requested');

function countOf(own: string, other: string, id: string, state: string): string {
  return `(select count(*) from relationship r left join "user" w on w.id = r.${other}
    where r.${own} = ${id} and r.kind = 'follow' and r.state = '${state}' and (w.id is null or ${userIsVisible('w')}))`;
}
