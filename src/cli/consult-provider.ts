import type { SsoProviderConfig } from '../config/sso-config.js';
import { guardedFetch } from '../outgoing/guarded-fetch.js';
import { LOAD_LIMIT_MS, MAX_BYTES, reachOf } from '../providers/connection.js';
import {
  type DiscoveryDocument,
  discoveryUrl,
  examine,
  type Finding,
  finding,
  isSafeEndpoint,
} from '../providers/doctor.js';
import { examineClock, examineKeys, explainFailure, readDocument } from '../providers/doctor-answers.js';

/** Asks a provider what it is, and whether it answers where it says; no code, token or secret is sent. */
export async function consultProvider(provider: SsoProviderConfig): Promise<Finding[]> {
  const url = discoveryUrl(provider);
  const begun = Date.now();
  try {
    const response = await ask(provider, url);
    const clock = examineClock(response.headers, (begun + Date.now()) / 2);
    const read = await readDocument(response);
    if (!('document' in read)) return [finding('note', `Asked ${url}`), clock, read];
    return [
      finding('fine', `The discovery document is at ${url}`),
      clock,
      ...examine(provider, read.document),
      ...(await Promise.all([
        knock(provider, read.document, 'token_endpoint'),
        knock(provider, read.document, 'userinfo_endpoint'),
        lookAtKeys(provider, read.document),
      ])),
    ].filter((found) => found !== null);
  } catch (error) {
    return [finding('trouble', `${url} cannot be fetched: ${explainFailure(error, provider)}`)];
  }
}

/** Whether anything answers at an endpoint that this machine must reach; what, does not matter without a code or token. */
async function knock(
  provider: SsoProviderConfig,
  document: DiscoveryDocument,
  name: 'token_endpoint' | 'userinfo_endpoint',
): Promise<Finding | null> {
  return visit(provider, document[name], name, async ({ status }) =>
    status < 500
      ? finding('fine', `${name} answers (status ${status} without credentials, which is as it should be)`)
      : finding('warning', `${name} answers with status ${status}`),
  );
}

async function lookAtKeys(provider: SsoProviderConfig, document: DiscoveryDocument): Promise<Finding | null> {
  return visit(provider, document['jwks_uri'], 'jwks_uri', (response) => examineKeys(response, document));
}

/** What an endpoint's answer tells; null where `examine` has already said that this is no place to go to. */
async function visit(
  provider: SsoProviderConfig,
  url: unknown,
  name: string,
  judge: (response: Response) => Promise<Finding>,
): Promise<Finding | null> {
  if (typeof url !== 'string' || !isSafeEndpoint(provider, url)) return null;
  try {
    return await judge(await ask(provider, url));
  } catch (error) {
    return finding('trouble', `${name} cannot be fetched: ${explainFailure(error, provider)}`);
  }
}

/** As a sign-in asks, but for the breaker: the operator wants to know about each try. */
function ask(provider: SsoProviderConfig, url: string): Promise<Response> {
  const signal = AbortSignal.timeout(LOAD_LIMIT_MS);
  const init = { method: 'GET', headers: { accept: 'application/json' } };
  return guardedFetch(url, init, { reach: reachOf(provider), maxBytes: MAX_BYTES, signal });
}
