import * as oidc from 'openid-client';
import { CLIENT_ID, CLIENT_SECRET } from './issuer-server.js';

/** Where the published client has people sent back to. */
export const CALLBACK = 'http://localhost:3000/oauth/sso/test/callback';

/** What the published client knows of a provider; `way` is how it authenticates. */
export async function discover(issuer: string, way = oidc.ClientSecretBasic(CLIENT_SECRET)) {
  return oidc.discovery(new URL(issuer), CLIENT_ID, undefined, way, {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    timeout: 5,
  });
}

/** A sign-in by the published client, from the authorization request to userinfo; `walk` is the browser. */
export async function signIn(config: oidc.Configuration, walk: (url: URL) => Promise<string>) {
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const callback = new URL(await walk(url));
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  const claims = tokens.claims();
  if (!claims) throw new Error('There is no ID token');
  return { tokens, claims, userinfo: await oidc.fetchUserInfo(config, tokens.access_token, claims.sub), callback };
}

/** `accepted`, or why not. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: Error) => [error.message, (error.cause as Error | undefined)?.message].filter(Boolean).join(': '),
  );
}
