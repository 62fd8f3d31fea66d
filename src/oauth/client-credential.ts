import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ClientCredential } from '../applications/applications.service.js';
import { Refusal } from '../common/errors.js';

/** Parameters that must never stand in a URL, where they are logged (contract.md §2.5, security.md R58). */
const SECRETS = ['client_secret', 'code', 'code_verifier', 'refresh_token', 'token', 'password'];

/** The client credentials of a request: HTTP Basic or body parameters (RFC 6749 §2.3.1). */
export const Credential = createParamDecorator((_: unknown, context: ExecutionContext) =>
  readCredential(context.switchToHttp().getRequest<FastifyRequest>()),
);

/**
 * Reads the client credentials of a request.
 * @throws Refusal `invalid_request` for two ways at once or a secret in the URL, `invalid_client` for none
 */
export function readCredential({ headers, query, body }: FastifyRequest): ClientCredential {
  if (SECRETS.some((name) => field(query, name) !== undefined)) {
    throw new Refusal('invalid_request', 'Secrets must not be sent in the URL');
  }
  const clientId = field(body, 'client_id');
  const secret = field(body, 'client_secret');
  const basic = headers.authorization === undefined ? null : readBasic(headers.authorization);
  if (basic) {
    if (secret !== undefined || (clientId !== undefined && clientId !== basic.clientId)) {
      throw new Refusal('invalid_request', 'Only one way to authenticate the client may be used');
    }
    return basic;
  }
  if (clientId === undefined) throw new Refusal('invalid_client');
  return { clientId, ...(secret !== undefined && { secret }) };
}

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. */
function readBasic(authorization: string): ClientCredential {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization) ?? [];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString('utf8')) ?? [];
  try {
    return { clientId: decodeForm(id ?? ''), secret: decodeForm(secret ?? '') };
  } catch (cause) {
    throw new Refusal('invalid_client', undefined, { cause });
  }
}

function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

function field(parameters: unknown, name: string): string | undefined {
  if (typeof parameters !== 'object' || parameters === null || !(name in parameters)) return undefined;
  const value: unknown = Object.getOwnPropertyDescriptor(parameters, name)?.value;
  if (typeof value !== 'string') throw new Refusal('invalid_request', `${name} - Invalid string.`);
  return value;
}
