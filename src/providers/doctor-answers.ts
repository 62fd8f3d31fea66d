import type { SsoProviderConfig } from '../config/sso-config.js';
import { FetchFailed, FetchRefused } from '../outgoing/guarded-fetch.js';
import { type DiscoveryDocument, type Finding, finding, usableAlgorithms } from './doctor.js';

/** By how many seconds clocks may differ: tokens are taken to 30, and beyond 300 are from the future. */
const SKEW = { warning: 30, trouble: 300 };

/** How far the provider's clock is from ours, at `now` in milliseconds, by the headers of an answer. */
export function examineClock(headers: Headers, now: number): Finding {
  const date = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(date))
    return finding('note', 'The provider does not tell the time, so the clocks were not compared');
  // What a cache has kept was said so long ago (RFC 9111 §5.1).
  const seconds = Math.round((date - now) / 1000) + (Number(headers.get('age')) || 0);
  const size = Math.abs(seconds);
  if (size < SKEW.warning) return finding('fine', `The clocks agree to ${size} s`);
  const sentence = `The provider's clock is ${size} s ${seconds > 0 ? 'ahead of' : 'behind'} ours: set the wrong one right`;
  return finding(size < SKEW.trouble ? 'warning' : 'trouble', sentence);
}

/** What was found where the discovery document should be; the document itself if it is one. */
export async function readDocument(response: Response): Promise<{ document: DiscoveryDocument } | Finding> {
  const { status, headers } = response;
  const location = headers.get('location');
  if (status >= 300 && status < 400 && location !== null) {
    return finding(
      'trouble',
      `The discovery document is elsewhere, which is not followed (status ${status}): ${location}`,
    );
  }
  if (status !== 200) {
    return finding(
      'trouble',
      `Instead of the discovery document there is status ${status}${status === 404 ? ': is the issuer right?' : ''}`,
    );
  }
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? 'none';
  const document: unknown = await response.json().catch(() => null);
  if (!isObject(document)) {
    return finding('trouble', `What stands for the discovery document is no JSON object (content type ${type})`);
  }
  return type === 'application/json'
    ? { document }
    : finding('trouble', `The discovery document has the content type ${type} instead of application/json`);
}

/** How many of the keys fit the algorithms that ID tokens may be signed with. */
export async function examineKeys(response: Response, document: DiscoveryDocument): Promise<Finding> {
  if (response.status !== 200) return finding('trouble', `Instead of the keys there is status ${response.status}`);
  const set: unknown = await response.json().catch(() => null);
  const keys = isObject(set) && Array.isArray(set['keys']) ? set['keys'].filter(isObject) : null;
  if (keys === null)
    return finding('trouble', 'What stands for the keys is no key set; does the provider have a signing key?');
  const usable = keys.filter((key) => usableAlgorithms(document).some((algorithm) => fits(key, algorithm)));
  const count = `${usable.length} of ${keys.length} published keys can verify ID tokens`;
  if (usable.length === 0) return finding('trouble', `${count}: choose a signing key at the provider`);
  const areNameless = usable.length > 1 && usable.some(({ kid }) => typeof kid !== 'string');
  return areNameless
    ? finding('warning', `${count}, but not all have a kid, so that it is not clear which signed a token`)
    : finding('fine', count);
}

/** Why nobody answered, in words that name what to do. */
export function explainFailure(error: unknown, { allow_private_addresses: isPrivate }: SsoProviderConfig): string {
  if (error instanceof FetchRefused) {
    const isAddress = error.message.endsWith('which is not allowed');
    if (!isAddress) return error.message;
    return isPrivate
      ? `${error.message}: addresses of this kind never are`
      : `${error.message} while allow_private_addresses is off: switch it on if the provider is in your own network`;
  }
  if (!(error instanceof FetchFailed)) throw error;
  if (error.reason === 'deadline') return 'too slow: there was no whole answer in time';
  if (error.reason === 'too_large') return 'the answer is far too long';
  const code = codeOf(error);
  return code === null
    ? error.message
    : (FAILURES.find(([pattern]) => pattern.test(code))?.[1] ?? `failed with ${code}`);
}

/** What the network and TLS say, the first that fits. */
const FAILURES: [RegExp, string][] = [
  [/^(ENOTFOUND|EAI_)/, 'its name cannot be resolved (DNS)'],
  [/^ECONNREFUSED$/, 'nothing listens there (connection refused)'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'no network leads there'],
  [/TIMEDOUT|TIMEOUT/, 'too slow: there was no connection in time'],
  [/^CERT_HAS_EXPIRED$/, 'its TLS certificate has expired'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its TLS certificate is for another name'],
  [
    /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/,
    'its TLS certificate is from nobody this machine trusts (NODE_EXTRA_CA_CERTS can name a further authority)',
  ],
  [/^(ERR_SSL|ERR_TLS|CERT_|EPROTO)/, 'there is no TLS that can be agreed on'],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'the connection was cut'],
  [/^HPE_/, 'what answers there does not speak HTTP'],
];

function codeOf(error: unknown): string | null {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return null;
}

/** As the protocol library chooses a key (RFC 7517 §4, RFC 7518 §3.1). */
function fits({ kty, use, alg, crv }: DiscoveryDocument, algorithm: string): boolean {
  const { type, curve } = FAMILIES.find(({ pattern }) => pattern.test(algorithm)) ?? {};
  return (
    kty === type &&
    (use === undefined || use === 'sig') &&
    (alg === undefined || alg === algorithm) &&
    (curve === undefined || crv === curve)
  );
}

const FAMILIES: { pattern: RegExp; type: string; curve?: string }[] = [
  { pattern: /^(RS|PS)/, type: 'RSA' },
  { pattern: /^ES256$/, type: 'EC', curve: 'P-256' },
  { pattern: /^ES384$/, type: 'EC', curve: 'P-384' },
  { pattern: /^ES512$/, type: 'EC', curve: 'P-521' },
  { pattern: /^Ed/, type: 'OKP', curve: 'Ed25519' },
];

function isObject(value: unknown): value is DiscoveryDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
