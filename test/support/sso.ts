import { SsoProviderConfig } from '../../src/config/sso-config.js';
import type { TestApp } from './app.js';
import { cookiesOf } from './flows.js';
import { CLIENT_ID, CLIENT_SECRET } from './issuer-server.js';

/** A configured provider at an issuer of the tests; what is not said has its default. */
export function provider(id: string, issuer: string, more: Partial<SsoProviderConfig> = {}): SsoProviderConfig {
  return Object.assign(new SsoProviderConfig(), {
    id,
    name: id.charAt(0).toUpperCase() + id.slice(1),
    issuer,
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    ...more,
  });
}

/** A browser's visit to a provider: where it was sent, and the cookie that it keeps meanwhile. */
export interface Visit {
  location: string;
  cookie: string;
}

/** Starts a sign-in at a provider by a link. */
export async function startVisit(test: TestApp, query: Record<string, string>): Promise<Visit> {
  const answer = await test.http.get('/oauth/sso').query(query);
  if (answer.status !== 302) throw new Error(`The start was answered with ${answer.status} ${answer.text}`);
  return { location: String(answer.headers['location']), cookie: flowCookieOf(answer) };
}

/** The `name=value` of the flow cookie that an answer sets. */
export function flowCookieOf(answer: Parameters<typeof cookiesOf>[0]): string {
  const cookie = cookiesOf(answer).find((text) => text.includes('gh_flow_'));
  return cookie?.split(';', 1)[0] ?? '';
}

/** Delivers a provider's callback, as the browser with that cookie. */
export function deliver(test: TestApp, callback: string, cookie: string | null) {
  const { pathname, search } = new URL(callback);
  const request = test.http.get(pathname + search);
  return cookie === null ? request : request.set('cookie', cookie);
}
