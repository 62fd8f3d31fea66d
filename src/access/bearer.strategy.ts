import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-custom';
import { clientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import type { FoundToken } from '../sessions/find-by-access-token.js';
import { SessionsService } from '../sessions/sessions.service.js';

/** The longest `Authorization` value we look at, in bytes (contract.md §0.4). */
const MAX_LENGTH = 512;

/** Recognises the access token of a request: one `Authorization: Bearer` header and nothing else (RFC 6750 §2.1). */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  constructor(private readonly sessions: SessionsService) {
    super();
  }

  /** @throws Refusal `several_tokens`, `token_missing` or `token_invalid` */
  async validate(request: FastifyRequest): Promise<FoundToken> {
    const { authorization } = request.headers;
    if (authorization === undefined) throw new Refusal('token_missing');
    if (isGivenTwice(request)) throw new Refusal('several_tokens');
    const [, token] = authorization.length > MAX_LENGTH ? [] : (/^Bearer +([^ ]+)$/i.exec(authorization) ?? []);
    const { readsOwnAccount } = request.routeOptions.config;
    const found =
      token === undefined ? null : await this.sessions.recognise(token, () => clientInfo(request), readsOwnAccount);
    if (!found) throw new Refusal('token_invalid');
    return found;
  }
}

/** Node keeps the first of several `Authorization` headers, so the raw list is counted; so are parameters (contract.md §0.4). */
function isGivenTwice({ raw, query, body }: FastifyRequest): boolean {
  const headers = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization');
  return headers.length > 1 || hasAccessToken(query) || hasAccessToken(body);
}

function hasAccessToken(parameters: unknown): boolean {
  return typeof parameters === 'object' && parameters !== null && 'access_token' in parameters;
}
