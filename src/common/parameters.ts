import { Refusal } from './errors.js';

/** A parsed query or body: flat, without prototype; a value is a string, or whatever JSON held, or an uploaded file. */
export type Parameters = Record<string, unknown>;

/** `name[]`, `name[0]`: the only spelling by which a form may give several values (contract.md §0.3). */
const ARRAY_NAME = /^([A-Za-z_]+)\[\d{0,3}\]$/;

/**
 * Parses `application/x-www-form-urlencoded` text strictly.
 * @throws Refusal `malformed_parameters` for broken escapes or UTF-8, `duplicate_parameter` for a name given twice
 */
export function parseForm(text: string, malformed: 'malformed_parameters' | 'malformed_body'): Parameters {
  if (text === '') return collect([]);
  const pairs = text.split('&').filter((pair) => pair !== '');
  return collect(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      const [name, value] = cut < 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
      return [decode(name, malformed), decode(value, malformed)];
    }),
  );
}

/** Gathers named values of a form; a name given twice is refused unless it is spelled as an array. */
export function collect(entries: readonly (readonly [string, unknown])[]): Parameters {
  const parameters = emptyParameters();
  for (const [name, value] of entries) {
    const base = ARRAY_NAME.exec(name)?.[1];
    const present = parameters[base ?? name];
    if (base !== undefined && (present === undefined || Array.isArray(present))) {
      parameters[base] = [...(present ?? []), value];
    } else if (present === undefined) {
      parameters[name] = value;
    } else {
      // RFC 6749 §3.1: parameters must not be included more than once.
      throw new Refusal('duplicate_parameter');
    }
  }
  return parameters;
}

/** Without a prototype, so that `__proto__` and its kin are names like any other (security.md R7). */
export function emptyParameters(): Parameters {
  return Object.create(null);
}

/**
 * One set of parameters from query and body, where a route allows either.
 * @throws Refusal `duplicate_parameter` for a name given in both
 */
export function mergeParameters(query: Parameters, body: Parameters): Parameters {
  return collect([...Object.entries(query), ...Object.entries(body)]);
}

/**
 * Refuses what no parameter may hold: U+0000 and lone surrogates (contract.md §0.3, security.md R8).
 * @throws Refusal `invalid_characters`
 */
export function refuseUnstorable(parameters: Parameters, except?: string): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (!isStorable(name) || (name !== except && !isStorable(value))) throw new Refusal('invalid_characters');
  }
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value === 'object' && value !== null && 'bytes' in value && Buffer.isBuffer(value.bytes)) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).every(([name, item]) => isStorable(name) && isStorable(item));
  }
  return true;
}

function decode(text: string, malformed: 'malformed_parameters' | 'malformed_body'): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new Refusal(malformed, undefined, { cause });
  }
}
