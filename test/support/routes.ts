import type { Test } from 'supertest';
import { type Route, RouteTable } from '../../src/common/route-table.js';
import type { TestApp } from './app.js';

/** A route that takes an access token, and what it demands. */
export type BearerRoute = Route & {
  access: { principal: string; scopes: readonly string[]; admitsUnconfirmed?: boolean };
  /** Whether its path has a parameter, of which another spelling is another value. */
  hasParameter: boolean;
};

/** Every route that takes an access token, with a value for each path parameter; what later rooms add joins by itself. */
export function bearerRoutes({ app }: TestApp): BearerRoute[] {
  return app
    .get(RouteTable)
    .routes.filter(({ method, facts }) => method !== 'HEAD' && facts.access?.kind === 'bearer')
    .map((route) => ({
      ...route,
      url: route.url.replaceAll(/:[A-Za-z]+/g, '1'),
      access: route.facts.access as BearerRoute['access'],
      hasParameter: route.url.includes(':'),
    }));
}

/** Whether a path is one of a route, whose parameters may have any value. */
export function leadsTo(url: string, path: string): boolean {
  const [parts, sent] = [url.split('/'), path.split('/')];
  return parts.length === sent.length && parts.every((part, n) => part.startsWith(':') || part === sent[n]);
}

/** Calls a route by name, with a token if there is one. */
export function call({ http }: TestApp, { method, url }: { method: string; url: string }, token?: string): Test {
  const request = http[method.toLowerCase() as 'get'](url);
  return token === undefined ? request : request.auth(token, { type: 'bearer' });
}

/** Gives the access tokens of a session another scope. */
export async function grantScope({ dataSource }: TestApp, sessionId: number, scope: string): Promise<void> {
  await dataSource.query('update access_token set scope = $1 where session_id = $2', [scope, sessionId]);
}
