import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { RemoteAccount } from '../webfinger/resolution.js';

/** Look-ups of one row, before it has failed. */
const MOST_ATTEMPTS = 3;

/** So often a host may ask for time. */
const MOST_WAITS = 5;

/** A host that failed so often is given up for that import (contract.md §7.4). */
const MOST_HOST_FAILURES = 5;

/** Seconds before a host is asked again for a row that it failed, doubled each time. */
const PATIENCE = 2;

/** A row whose account has to be looked up at its host. */
export interface UnknownRow {
  position: number;
  username: string;
  host: string;
  options: object;
}

/** What a host said, or did not. */
export type Finding =
  | { position: number; account: RemoteAccount }
  | { position: number; reason: string; isFinal: boolean }
  /** It asked for time. */
  | { position: number; laterSeconds: number };

/** Rows that still wait for a look-up, and are due. */
export async function dueRows(importId: string, most: number, tx: EntityManager): Promise<UnknownRow[]> {
  return tx.query(
    `select position, username, host, options from import_row
     where import_id = $1 and state = 'pending' and host is not null and (retry_at is null or retry_at <= now())
     order by position limit $2`,
    [importId, most],
  );
}

/** Rows of a preview whose accounts were known then, and are no more, wait for a look-up again. */
export async function lookUpAgain(
  importId: string,
  rows: readonly { position: number }[],
  tx: EntityManager,
): Promise<void> {
  await tx.query(
    `update import_row set state = 'pending', updated_at = now()
     where import_id = $1 and position between $2 and $3 and state = 'planned' and host is not null`,
    [importId, rows.at(0)?.position, rows.at(-1)?.position],
  );
}

/** Seconds until a row is due; null when none waits. */
export async function secondsUntilDue(importId: string, tx: EntityManager): Promise<number | null> {
  const [row] = await tx.query(
    `select count(*)::int as waiting, greatest(extract(epoch from min(coalesce(retry_at, now())) - now()), 0)::float8 as seconds
     from import_row where import_id = $1 and state = 'pending'`,
    [importId],
  );
  return row.waiting === 0 ? null : row.seconds;
}

/** Fails every waiting row of hosts that have failed too often, so that a dead one holds up nobody. */
export async function giveUpHosts(importId: string, tx: EntityManager): Promise<void> {
  await tx.query(
    `with dead as (
       select host from import_row where import_id = $1 and host is not null and attempts > 0
         and (state = 'pending' or reason in ('host_unreachable', 'host_timeout'))
       group by host having sum(attempts) >= ${MOST_HOST_FAILURES}
         and not bool_or(account_id is not null)
     )
     update import_row r set state = 'failed', reason = 'host_unreachable', updated_at = now() from dead
     where r.import_id = $1 and r.state = 'pending' and r.host = dead.host and (r.retry_at is null or r.attempts > 0)`,
    [importId],
  );
}

/** Writes down what was found; rows whose account is known now still wait to be applied, in the same transaction. */
export async function noteFindings(importId: string, findings: readonly Finding[], tx: EntityManager): Promise<void> {
  const found = findings.flatMap((finding) => ('account' in finding ? [finding.account] : []));
  await tx.query(
    `insert into remote_account (id, username, host, uri, url, resolved_at)
     select distinct on (host, username) id, username, host, uri, url, now()
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) as a (id, username, host, uri, url)
     order by host, username
     on conflict (host, username) do update set uri = excluded.uri, url = excluded.url, resolved_at = now()`,
    [
      found.map(() => uuidv7()),
      found.map(({ username }) => username),
      found.map(({ host }) => host),
      found.map(({ uri }) => uri),
      found.map(({ url }) => url),
    ],
  );
  const others = findings.filter((finding) => !('account' in finding));
  await tx.query(
    `update import_row r set attempts = n.attempts, waits = n.waits,
       state = case when n.is_final then 'failed' else 'pending' end, reason = case when n.is_final then n.reason end,
       retry_at = now() + make_interval(secs => coalesce(n.later, ${PATIENCE} * 2 ^ r.attempts)), updated_at = now()
     from (
       select o.position, f.reason, f.later, o.attempts + (f.later is null)::int as attempts,
         o.waits + (f.later is not null)::int as waits,
         f.is_final or case when f.later is null then o.attempts + 1 >= ${MOST_ATTEMPTS} else o.waits + 1 >= ${MOST_WAITS} end as is_final
       from unnest($2::int[], $3::text[], $4::boolean[], $5::float8[]) as f (position, reason, is_final, later)
       join import_row o on o.import_id = $1 and o.position = f.position
     ) n where r.import_id = $1 and r.position = n.position and r.state = 'pending'`,
    [
      importId,
      others.map(({ position }) => position),
      others.map((finding) => ('reason' in finding ? finding.reason : 'host_unreachable')),
      others.map((finding) => 'reason' in finding && finding.isFinal),
      others.map((finding) => ('laterSeconds' in finding ? finding.laterSeconds : null)),
    ],
  );
}
