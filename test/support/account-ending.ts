import { expect } from 'vitest';
import { act, DONE, type Person } from './account.js';
import type { TestApp } from './app.js';
import { waitFor } from './backups.js';
import { PASSWORD } from './flows.js';

/** Deletes an account, as its owner. */
export async function deleteAccount(test: TestApp, person: Person): Promise<void> {
  expect(await act(test, person, 'delete_account', { password: PASSWORD })).toStrictEqual(DONE);
}

/** Has the grace of a deletion be over. */
export async function letGraceEnd({ dataSource }: TestApp, { id }: Person): Promise<void> {
  await dataSource.query('update "user" set deletion_due_at = now() where id = $1', [id]);
  await dataSource.query(`update job set run_at = now() where kind = 'erase_account' and key = $1`, [id]);
}

/** Waits until the job that erases an account is done. */
export async function erasureOf({ dataSource }: TestApp, { id }: Person): Promise<void> {
  const jobs = () => dataSource.query(`select id from job where kind = 'erase_account' and key = $1`, [id]);
  await waitFor(jobs, ({ length }) => length === 0);
}

/** The types of a person's journal, oldest first. */
export async function eventsOf({ dataSource }: TestApp, { id }: Person): Promise<string[]> {
  const rows = await dataSource.query('select type from audit_event where user_id = $1 order by id', [id]);
  return rows.map(({ type }: { type: string }) => type);
}
