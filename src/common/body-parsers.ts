import { isUtf8 } from 'node:buffer';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from './errors.js';
import {
  collect,
  emptyParameters,
  mergeParameters,
  parseForm,
  refuseUnstorable,
  type Parameters,
} from './parameters.js';

/** The largest body of a route that takes no file, in bytes (contract.md §0.3). */
export const BODY_LIMIT = 64 * 1024;

/** JSON nested deeper than this is refused before it is parsed (contract.md §0.3, security.md R9). */
const MAX_JSON_DEPTH = 16;

declare module 'fastify' {
  interface FastifyRequest {
    /** Query and body as one, on routes that read a parameter from either. */
    parameters: Parameters;
  }
}

/**
 * Makes every route with a body read JSON, urlencoded and multipart alike into one flat object, before any guard runs,
 * so that guards, rules and errors are the same for all three (contract.md §0.3; Pleroma-FE, Soapbox and Phanpy differ).
 */
export async function registerBodyParsers(fastify: FastifyInstance): Promise<void> {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(/^application\/json\s*(;.*)?$/i, { parseAs: 'buffer' }, (request, body, done) => {
    settle(done, () => parseJson(asText(request, body)));
  });
  fastify.addContentTypeParser(
    /^application\/x-www-form-urlencoded\s*(;.*)?$/i,
    { parseAs: 'buffer' },
    (request, body, done) => {
      settle(done, () => parseForm(asText(request, body), 'malformed_body'));
    },
  );
  // Any other type: harmless without content, unsupported with it.
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    settle(done, () => {
      if (body.length > 0) throw new Refusal('unsupported_content_type');
      return emptyParameters();
    });
  });
  await fastify.register(multipart, { limits: { files: 1, parts: 32, fieldSize: BODY_LIMIT, fileSize: BODY_LIMIT } });
  fastify.addHook('preValidation', async (request) => {
    if (request.isMultipart()) request.body = await readMultipart(request);
    const query = readableQuery(request);
    const body = asParameters(request.body);
    request.body = body;
    refuseUnstorable(query);
    refuseUnstorable(body, 'list');
    if (request.routeOptions.config.queryOrBody) request.parameters = mergeParameters(query, body);
  });
}

/** Query strings are parsed like forms; the refusal waits for the hook, because the router cannot render one. */
export function parseQuery(text: string): Parameters {
  try {
    return parseForm(text, 'malformed_parameters');
  } catch (error) {
    return { [REFUSED]: error };
  }
}

/** @throws Refusal when the query string was malformed or gave a name twice */
function readableQuery({ query }: FastifyRequest): Parameters {
  if (typeof query === 'object' && query !== null && REFUSED in query && query[REFUSED] instanceof Error) {
    throw query[REFUSED];
  }
  return asParameters(query);
}

const REFUSED = Symbol('refused');

async function readMultipart(request: FastifyRequest): Promise<Parameters> {
  const entries: [string, unknown][] = [];
  let size = 0;
  try {
    for await (const part of request.parts()) {
      const value = part.type === 'file' ? await part.toBuffer() : part.value;
      if (part.type === 'field' && (part.fieldnameTruncated || part.valueTruncated))
        throw new Refusal('body_too_large');
      size += part.fieldname.length + (typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 0);
      if (size > BODY_LIMIT) throw new Refusal('body_too_large');
      entries.push([part.fieldname, value]);
    }
  } catch (error) {
    throw asBodyRefusal(error);
  }
  return collect(entries);
}

/** The multipart library's own errors, by status: too much is 413, all else is an unreadable body. */
function asBodyRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const tooLarge = error instanceof Error && 'code' in error && error.code === 'FST_REQ_FILE_TOO_LARGE';
  return new Refusal(tooLarge ? 'body_too_large' : 'malformed_body', undefined, { cause: error });
}

function parseJson(text: string): Parameters {
  if (text === '') return emptyParameters();
  if (depthOf(text) > MAX_JSON_DEPTH) throw new Refusal('malformed_body');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Refusal('malformed_body', undefined, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refusal('malformed_body');
  const parameters = emptyParameters();
  for (const [name, item] of Object.entries(value)) parameters[name] = item;
  return parameters;
}

/** How deep brackets nest outside strings; counted on the text, so that hostile depth costs no stack. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
}

function asText(request: FastifyRequest, body: Buffer | string): string {
  if (body.length === 0) return '';
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (!/^(utf-?8)?$/i.test(charset ?? '') || !hasTidyParameters(request)) throw new Refusal('unsupported_content_type');
  const bytes = Buffer.from(body);
  if (!isUtf8(bytes)) throw new Refusal('malformed_body');
  return bytes.toString('utf8');
}

/** A media type followed by anything but `; name=value` parameters is garbled (security.md R5). */
function hasTidyParameters(request: FastifyRequest): boolean {
  return /^[a-z]+\/[a-z-]+\s*(;\s*[a-z-]+\s*=\s*("[^"]*"|[^\s;"]+)\s*)*;?$/i.test(
    request.headers['content-type'] ?? '',
  );
}

function asParameters(value: unknown): Parameters {
  return typeof value === 'object' && value !== null ? Object.assign(emptyParameters(), value) : emptyParameters();
}

function settle(done: (error: Error | null, body?: unknown) => void, parse: () => unknown): void {
  try {
    done(null, parse());
  } catch (error) {
    done(error instanceof Error ? error : new Refusal('malformed_body', undefined, { cause: error }));
  }
}
