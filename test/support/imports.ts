import { setTimeout as pause } from 'node:timers/promises';
import { JobsService } from '../../src/jobs/jobs.service.js';
import type { TestApp } from './app.js';
import { createUser, obtainTokens, type TestClient } from './flows.js';

/** An import as on the wire, as far as tests look at it. */
export interface ImportJson {
  id: string;
  state: string;
  counts: Record<string, number>;
  created_at: string;
  finished_at: string;
  [field: string]: unknown;
}

/** An import when it has come to an end. */
export async function ended(test: TestApp, token: string, id: string, patience = 15_000): Promise<ImportJson> {
  for (const until = Date.now() + patience; ;) {
    const { body } = await test.http.get(`/api/v1/imports/${id}`).auth(token, { type: 'bearer' });
    if (['preview', 'finished', 'cancelled', 'undone'].includes(body.state)) return body as ImportJson;
    if (Date.now() > until) throw new Error(`The import does not end: ${JSON.stringify(body)}`);
    await pause(50);
  }
}

/** Somebody with lists, and their session. */
export interface Importer {
  name: string;
  id: string;
  token: string;
  sessionId: number;
}

let importers = 0;

/** Makes one. */
export async function newImporter(test: TestApp, client: TestClient, scope = 'read write follow'): Promise<Importer> {
  const name = `importer${++importers}`;
  const id = await createUser(test, name);
  const tokens = await obtainTokens(test, client, name, scope);
  return { name, id, token: tokens.access_token, sessionId: tokens.id };
}

/** Where an accepted list is to be found. */
export const LOCATION = /^\/api\/v1\/imports\/([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/;

/** The import's id that an accepted list is answered with. */
export function idIn({ headers }: { headers: Record<string, string> }): string {
  const id = LOCATION.exec(headers['location'] ?? '')?.[1];
  if (id === undefined) throw new Error(`No import's location: ${headers['location']}`);
  return id;
}

/** A list for `POST /api/v1/imports`; what it is answered with is an import. */
export async function importList(
  { http }: TestApp,
  { token }: { token: string },
  fields: Record<string, unknown>,
): Promise<ImportJson> {
  const answer = await http
    .post('/api/v1/imports')
    .auth(token, { type: 'bearer' })
    .send({ kind: 'follow', ...fields });
  if (answer.status !== 200) throw new Error(`The list was answered ${answer.status}: ${answer.text}`);
  return answer.body as ImportJson;
}

/** What there is of imports: nothing of a refused list may be. */
export async function tracesIn({ dataSource }: TestApp): Promise<Record<string, number>> {
  const [row] = await dataSource.query(
    `select (select count(*)::int from import) as imports, (select count(*)::int from import_row) as rows,
       (select count(*)::int from job where kind = 'import') as jobs,
       (select count(*)::int from audit_event where type = 'import.started') as events`,
  );
  return row;
}

/** Before anybody has sent anything. */
export const NO_TRACES = { imports: 0, rows: 0, jobs: 0, events: 0 };

/** Nobody works on imports until `work`: what is accepted stays as it is. */
export async function holdWork({ app }: TestApp): Promise<void> {
  await app.get(JobsService).beforeApplicationShutdown();
}

/** From now on, what is accepted is worked on. */
export function work({ app }: TestApp): void {
  app.get(JobsService).start();
  app.get(JobsService).wake();
}
