import { expect } from 'vitest';
import { JobsService } from '../../src/jobs/jobs.service.js';
import type { TestApp } from './app.js';
import { createUser, obtainTokens, registerClient } from './flows.js';
import { ended, type ImportJson } from './imports.js';

/** Somebody who imports lists. */
export interface Importer {
  id: string;
  token: string;
}

/** A row as on the wire. */
export interface RowJson {
  line: number | null;
  handle: string;
  state: string;
  reason: string | null;
  message: string | null;
  retryable: boolean;
  account_id: string | null;
  options: Record<string, unknown>;
}

/** What is sent besides the list. */
export interface ListForm {
  kind: 'follow' | 'block' | 'mute';
  mode?: 'merge' | 'overwrite';
  dry_run?: boolean;
}

/** Makes somebody and signs them in. */
export async function newImporter(test: TestApp, name: string): Promise<Importer> {
  const client = await registerClient(test, { scopes: 'read write follow' });
  const id = await createUser(test, name);
  return { id, token: (await obtainTokens(test, client, name, 'read write follow')).access_token };
}

/** Sends a list and answers its id; rows may be given one by one. */
export async function send(
  test: TestApp,
  { token }: Importer,
  form: ListForm,
  list: string | readonly string[],
): Promise<string> {
  const text = typeof list === 'string' ? list : list.join('\n');
  const answer = await test.http
    .post('/api/v1/imports')
    .auth(token, { type: 'bearer' })
    .send({ ...form, list: text });
  expect([answer.status, answer.body.error]).toEqual([200, undefined]);
  return answer.body.id;
}

/** The import when it has come to an end. */
export function end(test: TestApp, { token }: Importer, id: string, patience?: number): Promise<ImportJson> {
  return ended(test, token, id, patience);
}

/** Sends a list and answers its import when that has come to an end. */
export async function imported(
  test: TestApp,
  importer: Importer,
  form: ListForm,
  list: string | readonly string[],
  patience?: number,
): Promise<ImportJson> {
  return end(test, importer, await send(test, importer, form, list), patience);
}

/** Changes the course of an import; the status and the body. */
export async function steer(
  { http }: TestApp,
  { token }: Importer,
  id: string,
  way: 'apply' | 'cancel' | 'undo',
): Promise<{ status: number; body: ImportJson & { error?: string } }> {
  const { status, body } = await http.post(`/api/v1/imports/${id}/${way}`).auth(token, { type: 'bearer' });
  return { status, body };
}

/** Undoes an import and answers it when that is done. */
export async function undone(test: TestApp, importer: Importer, id: string): Promise<ImportJson> {
  const { status, body } = await steer(test, importer, id, 'undo');
  expect([status, body.state]).toEqual([200, 'undoing']);
  return end(test, importer, id);
}

/** All rows of an import, page by page. */
export async function rowsOf({ http }: TestApp, { token }: Importer, id: string, query = ''): Promise<RowJson[]> {
  const rows: RowJson[] = [];
  let next = `/api/v1/imports/${id}/rows?limit=500${query}`;
  while (next !== '') {
    const { status, body, headers } = await http.get(next).auth(token, { type: 'bearer' });
    expect(status).toBe(200);
    rows.push(...(body as RowJson[]));
    next = /<https?:\/\/[^/]+(\/[^>]*)>; rel="next"/.exec(headers['link'] ?? '')?.[1] ?? '';
  }
  return rows;
}

/** What became of each row: `bob: failed not_found`. */
export async function fates(test: TestApp, importer: Importer, id: string, query = ''): Promise<string[]> {
  const rows = await rowsOf(test, importer, id, query);
  return rows.map(({ handle, state, reason }) => `${handle}: ${state}${reason === null ? '' : ` ${reason}`}`);
}

/** Every relation there is, but for its time and revision. */
export async function graphOf({ dataSource }: TestApp): Promise<string[]> {
  const rows: { relation: string }[] = await dataSource.query(
    `select (to_jsonb(r) - 'created_at' - 'revision')::text as relation from relationship r
     order by source_id, kind, target_id`,
  );
  return rows.map(({ relation }) => relation);
}

/** A person's relations of all kinds by the target's name: `bob follow accepted`. */
export async function relationsFrom({ dataSource }: TestApp, { id }: Pick<Importer, 'id'>): Promise<string[]> {
  const rows: { relation: string }[] = await dataSource.query(
    `select coalesce(u.username, a.username || '@' || a.host) || ' ' || r.kind || ' ' || r.state as relation
     from relationship r left join "user" u on u.id = r.target_id left join remote_account a on a.id = r.target_id
     where r.source_id = $1 order by 1`,
    [id],
  );
  return rows.map(({ relation }) => relation);
}

/** The types of a person's journal that are about imports, oldest first. */
export async function importJournal({ dataSource }: TestApp, { id }: Pick<Importer, 'id'>): Promise<string[]> {
  const rows: { type: string }[] = await dataSource.query(
    `select type from audit_event where user_id = $1 and type like 'import.%' order by id`,
    [id],
  );
  return rows.map(({ type }) => type);
}

/** Everything that an import waits for is due now: hosts, and its turn. */
export async function hurryImport({ app, dataSource }: TestApp, id: string): Promise<void> {
  await dataSource.query('update import_row set retry_at = now() where import_id = $1 and retry_at is not null', [id]);
  await dataSource.query(`update job set run_at = now() where kind = 'import' and key = $1 and leased_until is null`, [
    id,
  ]);
  app.get(JobsService).wake();
}
