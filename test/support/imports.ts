import { setTimeout as pause } from 'node:timers/promises';
import type { TestApp } from './app.js';

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
