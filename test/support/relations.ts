import type { TestApp } from './app.js';
import { outcomeOf } from './flows.js';
import { call } from './routes.js';

/** Who calls. */
export interface Caller {
  id: string;
  token: string;
}

/** What an unknown account is answered with. */
export const UNKNOWN = { status: 404, body: { error: 'Record not found' } };

/** What is not allowed against a block, or oneself. */
export const NOT_ALLOWED = { status: 403, body: { error: 'This action is not allowed' } };

/** The whole Relationship of two who have nothing to do with each other, and what is different. */
export function relationship(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    following: false,
    showing_reblogs: false,
    notifying: false,
    languages: null,
    followed_by: false,
    blocking: false,
    blocked_by: false,
    muting: false,
    muting_notifications: false,
    requested: false,
    requested_by: false,
    domain_blocking: false,
    endorsed: false,
    subscribing: false,
    note: '',
    ...more,
  };
}

/** One of the changing routes: `follow`, `unfollow`, `block` and so on; status and whole body. */
export function change(
  test: TestApp,
  { token }: { token: string },
  action: string,
  id: string,
  fields?: object,
): Promise<{ status: number; body: unknown }> {
  const request = call(test, { method: 'POST', url: `/api/v1/accounts/${id}/${action}` }, token);
  return outcomeOf(fields === undefined ? request : request.send(fields));
}

/** Answers a request to follow. */
export function answerRequest(test: TestApp, { token }: { token: string }, id: string, answer: string) {
  return outcomeOf(call(test, { method: 'POST', url: `/api/v1/follow_requests/${id}/${answer}` }, token));
}

/** How the caller stands to one account, over HTTP. */
export async function standing(test: TestApp, { token }: { token: string }, id: string): Promise<unknown> {
  const { body } = await call(test, { method: 'GET', url: `/api/v1/accounts/relationships?id=${id}` }, token);
  return body[0];
}

/** What kinds of relations there are from one account to another. */
export async function kindsBetween({ dataSource }: TestApp, source: string, target: string): Promise<string[]> {
  const rows: { kind: string }[] = await dataSource.query(
    'select kind from relationship where source_id = $1 and target_id = $2 order by kind',
    [source, target],
  );
  return rows.map(({ kind }) => kind);
}

/** The URL that a `Link` header names for a relation, or null. */
export function linkOf({ headers }: { headers: Record<string, string> }, rel: string): URL | null {
  const found = (headers['link'] ?? '').split(', ').find((link) => link.endsWith(`; rel="${rel}"`));
  const url = /^<(.*)>;/.exec(found ?? '')?.[1];
  return url === undefined ? null : new URL(url);
}
