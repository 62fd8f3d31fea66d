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

/** The most parts of a multipart body; one of them may be a file (contract.md §0.3). */
const MAX_PARTS = 32;

/** JSON nested deeper than this is refused before it is parsed (contract.md §0.3, security.md R9). */
const MAX_JSON_DEPTH = 16;

/** A file of a multipart body. */
export class UploadedFile {
  constructor(
    readonly bytes: Buffer,
    /** As the client says; never a path. */
    readonly fileName: string | null,
  ) {}
}

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
  // Every part comes as bytes, because only bytes tell whether a text is UTF-8.
  await fastify.register(multipart, { limits: { files: MAX_PARTS, parts: MAX_PARTS }, isPartAFile: () => true });
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
  demandReadableType(request);
  // Also what stands around the parts, which the library skips.
  const { bodyLimit } = request.routeOptions;
  if (Number(request.headers['content-length']) > bodyLimit) throw new Refusal('body_too_large');
  const entries: [string, unknown][] = [];
  let size = 0;
  let files = 0;
  try {
    for await (const part of request.files({ limits: { fileSize: bodyLimit } })) {
      const bytes = await part.toBuffer();
      const isFile = part.filename !== undefined || part.mimetype === 'application/octet-stream';
      size += part.fieldname.length + bytes.length;
      files += isFile ? 1 : 0;
      if (size > bodyLimit) throw new Refusal('body_too_large');
      entries.push([part.fieldname, isFile ? new UploadedFile(bytes, part.filename ?? null) : utf8(bytes)]);
    }
  } catch (error) {
    throw asBodyRefusal(error, request);
  }
  const parameters = collect(entries);
  if (files > 1) throw tooManyParts(request);
  return parameters;
}

/** Too many parts are a matter of size (contract.md §0.3), but not where a list may be large: there they are a mistake (§7.1). */
function tooManyParts({ routeOptions }: FastifyRequest, cause?: unknown): Refusal {
  return new Refusal(routeOptions.config.upload ? 'malformed_body' : 'body_too_large', undefined, { cause });
}

/** The multipart library's own errors, by status: too much is 413, all else is an unreadable body. */
function asBodyRefusal(error: unknown, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'FST_PARTS_LIMIT' || code === 'FST_FILES_LIMIT') return tooManyParts(request, error);
  const tooLarge = error instanceof Error && 'statusCode' in error && error.statusCode === 413;
  return new Refusal(tooLarge ? 'body_too_large' : 'malformed_body', undefined, { cause: error });
}

/**
 * Reads a JSON object, not too deep (contract.md §0.3).
 * @throws Refusal `malformed_body`
 */
export function parseJson(text: string): Parameters {
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
  demandReadableType(request);
  return utf8(Buffer.from(body));
}

function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Refusal('malformed_body');
  return bytes.toString('utf8');
}

/** @throws Refusal `unsupported_content_type` for another charset than UTF-8, or garbage behind the type */
function demandReadableType(request: FastifyRequest): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (!/^(utf-?8)?$/i.test(charset ?? '') || !hasTidyParameters(request)) throw new Refusal('unsupported_content_type');
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
