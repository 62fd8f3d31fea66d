import { randomInt } from 'node:crypto';
import type { Shot } from './load.js';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  HEAVY_SHARE,
  PASSWORD,
  REDIRECT_URI,
  SCOPE,
  secret,
  TOKENS,
  usernameOf,
} from './seed.js';

/** A hot path, and the share of R's rate that it must reach (performance.md §2). */
export interface Target {
  name: string;
  goal: number;
  shot: () => Shot;
  /** The status of a right answer. */
  status: number;
  /** What a right answer holds. */
  proof: string;
  /** Each request spends something that is made before: so many a second of the round. */
  spends?: number;
  /** How many commits one request may make. */
  commits?: number;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

let nextCode = 1;

/** The number of the next code, so that as many can be made. */
export function upcomingCode(): number {
  return nextCode;
}

/** The lookup of R. */
export const reference = (): Shot => ({ path: '/', headers: bearer(anyToken()) });

/** A sign-in of a random account by its right password. */
export const signIn = (): Shot => ({
  method: 'POST',
  path: `/api/auth/login?${form({ client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, response_type: 'code', scope: SCOPE })}`,
  headers: FORM,
  body: form({ identifier: usernameOf(randomInt(2, 10_000)), password: PASSWORD }),
});

/** What a token check is, wherever one is needed. */
export const VERIFY_CREDENTIALS: Target = {
  name: 'verify_credentials',
  goal: 1,
  shot: () => ({ path: '/api/v1/accounts/verify_credentials', headers: bearer(anyToken()) }),
  status: 200,
  proof: '"username":"bench_',
};

/** Every hot path that is measured against R. */
export const TARGETS: readonly Target[] = [
  VERIFY_CREDENTIALS,
  {
    name: 'introspection',
    goal: 0.9,
    shot: () => post('/oauth/introspect', { token: secret('token', anyToken()) }),
    status: 200,
    proof: '"active":true',
  },
  {
    name: 'oauth_tokens',
    goal: 0.7,
    shot: () => ({ path: '/api/oauth_tokens', headers: bearer(lightToken()) }),
    status: 200,
    proof: '"current":true',
  },
  {
    name: 'oauth_tokens_heavy',
    goal: 0.7,
    shot: () => ({ path: '/api/oauth_tokens', headers: bearer(heavyToken()) }),
    status: 200,
    proof: '"current":true',
  },
  {
    name: 'code_exchange',
    goal: 0.35,
    shot: () =>
      post('/oauth/token', {
        grant_type: 'authorization_code',
        code: secret('code', nextCode++),
        redirect_uri: REDIRECT_URI,
      }),
    status: 200,
    proof: '"refresh_token":"',
    spends: 2500,
    commits: 1,
  },
  {
    name: 'client_credentials',
    goal: 0.4,
    shot: () => post('/oauth/token', { grant_type: 'client_credentials' }),
    status: 200,
    proof: '"access_token":"',
    commits: 1,
  },
];

function anyToken(): number {
  return randomInt(1, TOKENS + 1);
}

function heavyToken(): number {
  return 1 + HEAVY_SHARE * randomInt(0, TOKENS / HEAVY_SHARE);
}

function lightToken(): number {
  return heavyToken() + randomInt(1, HEAVY_SHARE);
}

function bearer(token: number): Record<string, string> {
  return { authorization: `Bearer ${secret('token', token)}` };
}

function post(path: string, fields: Record<string, string>): Shot {
  const body = form({ ...fields, client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
  return { method: 'POST', path, headers: FORM, body };
}

function form(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString();
}
