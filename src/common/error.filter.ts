import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { Config } from '../config/config.js';
import { isDatabaseAway } from './database-errors.js';
import { errorPage } from './error-page.js';
import {
  AuthorizationRefusal,
  InvalidFields,
  LinkRefusal,
  listTooLarge,
  Refusal,
  sentenceOf,
  ValidationFailed,
  type ErrorCode,
} from './errors.js';
import { sendPage } from './html-document.js';
import { clientRefusalUrl, linkRefusalUrl, loginRefusalUrl } from './oauth-redirects.js';
import { RouteTable } from './route-table.js';

const REALM = 'Bearer realm="Gatehouse"';

/** The codes that frontends read as `identifier` (contract.md §0.4). */
const IDENTIFIED = new Set<ErrorCode>([
  'account_is_disabled',
  'missing_confirmed_email',
  'awaiting_approval',
  'password_reset_required',
  'step_up_required',
]);

/** Statuses the framework refuses with before a route of ours runs, by what they mean here. */
const FRAMEWORK: Record<number, ErrorCode> = {
  404: 'not_found',
  408: 'request_timeout',
  413: 'body_too_large',
  414: 'url_too_long',
  415: 'unsupported_content_type',
};

/** Renders every refusal and fault once, by the dialect and access of the route it happened on (contract.md §0.6). */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger(ErrorFilter.name);

  constructor(
    private readonly config: Config,
    private readonly routes: RouteTable,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const refusal = this.name(exception, request);
    // A provider that is away is logged where it is asked; the person is told by a redirect.
    if (refusal.status >= 500 && !(refusal instanceof AuthorizationRefusal))
      this.log.error({ err: refusal.facts.cause ?? exception, reqId: request.id }, refusal.message);
    if (reply.sent) return;
    this.render(refusal, request, reply);
  }

  private name(exception: unknown, request: FastifyRequest): Refusal {
    if (exception instanceof Refusal) return this.inContext(exception, request);
    const status = statusOf(exception);
    if (status === 404) return this.routes.missing(request);
    if (status !== null && status < 500)
      return this.inContext(
        new Refusal(FRAMEWORK[status] ?? 'malformed_body', undefined, { cause: exception }),
        request,
      );
    if (isDatabaseAway(exception)) return new Refusal('unavailable', undefined, { cause: exception });
    return new Refusal('internal', undefined, { cause: exception });
  }

  /** What is too large is a list, where lists are taken (contract.md §7.1). */
  private inContext(refusal: Refusal, { routeOptions }: FastifyRequest): Refusal {
    if (refusal.code !== 'body_too_large' || !routeOptions.config.upload) return refusal;
    return listTooLarge(this.config.imports.max_bytes, refusal);
  }

  private render(refusal: Refusal, request: FastifyRequest, reply: FastifyReply): void {
    const { dialect = 'plain', access } = request.routeOptions.config;
    if (refusal instanceof AuthorizationRefusal && (dialect === 'login' || dialect === 'authorize')) {
      const url = dialect === 'login' ? loginRefusalUrl(this.config, refusal) : clientRefusalUrl(this.config, refusal);
      void reply.code(302).header('location', url).send();
      return;
    }
    if (refusal instanceof LinkRefusal) {
      void reply.code(302).header('location', linkRefusalUrl(this.config, refusal)).send();
      return;
    }
    // Pleroma-FE and Soapbox read `error` of a 200 here (contract.md §0.6, *refusal 200*).
    if (dialect === 'account' && refusal.code === 'rejected') {
      void reply.code(200).type('application/json; charset=utf-8').send({ error: refusal.message });
      return;
    }
    // Malformed is refused like anything else here, and in Pleroma's shape (contract.md §6).
    const isMalformed = refusal.status === 400 || refusal instanceof InvalidFields;
    if (dialect === 'mfa' && isMalformed && refusal.code !== 'undefined_method') {
      void reply.code(422).type('application/json; charset=utf-8').send({ error: refusal.message });
      return;
    }
    // Pleroma tells clients nothing about what is wrong with an answer to a challenge (contract.md §2.6).
    if (dialect === 'challenge' && (refusal.status === 400 || refusal.status === 401)) {
      void reply.code(400).type('application/json; charset=utf-8').send({ error: 'Invalid code' });
      return;
    }
    // On browser routes nobody authenticates as a client, so an unknown one is a bad request (contract.md §3.3.1 row 3).
    const status =
      refusal.status === 401 && dialect !== 'oauth' && refusal.code === 'invalid_client' ? 400 : refusal.status;
    addHeaders(refusal, status, reply);
    void reply.code(status).header('cache-control', 'no-store');
    if (access?.kind === 'browser' || (access === undefined && !request.url.startsWith('/api'))) {
      if (new Negotiator(request.raw).mediaType(['application/json', 'text/html']) === 'text/html') {
        sendPage(reply, this.config, errorPage(this.config, status, refusal), { status });
        return;
      }
    }
    const body = speaksPlainly(refusal, dialect)
      ? plainBody(refusal)
      : (refusal.facts.body ?? { error: refusal.oauth, error_description: refusal.message });
    void reply.type('application/json; charset=utf-8').send(body);
  }
}

/** Throttling, and anything on plain routes, keeps the plain shape; so do missing fields of the login form. */
function speaksPlainly(refusal: Refusal, dialect: string): boolean {
  // One shape on every route (contract.md §0.9).
  if (refusal.code === 'cross_site') return false;
  return (
    dialect === 'plain' ||
    dialect === 'account' ||
    dialect === 'mfa' ||
    (dialect === 'challenge' && refusal.facts.body === undefined) ||
    refusal.code === 'throttled' ||
    (refusal instanceof InvalidFields && refusal.status === 422)
  );
}

function plainBody(refusal: Refusal): object {
  if (refusal instanceof InvalidFields) return { error: refusal.message, errors: refusal.problems.map(fieldError) };
  if (refusal instanceof ValidationFailed) return { error: refusal.message, details: groupDetails(refusal) };
  if (refusal.code === 'insufficient_scope')
    return { error: `${refusal.message}: ${(refusal.facts.scopes ?? []).join(' | ')}.` };
  const identifier = refusal.facts.identifier ?? (IDENTIFIED.has(refusal.code) ? refusal.code : undefined);
  return { error: refusal.message, ...(identifier !== undefined && { identifier }) };
}

function fieldError(problem: InvalidFields['problems'][number]): object {
  const message = sentenceOf(problem).replace(/\.$/, '');
  return { title: 'Invalid value', source: { pointer: `/${problem.field}` }, message };
}

function groupDetails({ details }: ValidationFailed): Record<string, object[]> {
  const groups: Record<string, object[]> = {};
  for (const { field, error, description } of details) (groups[field] ??= []).push({ error, description });
  return groups;
}

function addHeaders({ code, facts, message }: Refusal, status: number, reply: FastifyReply): void {
  if (facts.retryAfter !== undefined || code === 'unavailable')
    void reply.header('retry-after', String(facts.retryAfter ?? 2));
  if (facts.allow) void reply.header('allow', facts.allow.join(', '));
  // RFC 6750 §3: a request without credentials is told no error code.
  if (code === 'token_missing') void reply.header('www-authenticate', REALM);
  if (code === 'token_invalid')
    void reply.header('www-authenticate', `${REALM}, error="invalid_token", error_description="${message}"`);
  if (code === 'insufficient_scope') {
    void reply.header(
      'www-authenticate',
      `Bearer error="insufficient_scope", scope="${(facts.scopes ?? []).join(' ')}"`,
    );
  }
  // RFC 6749 §5.2
  if (code === 'invalid_client' && status === 401) void reply.header('www-authenticate', 'Basic realm="Gatehouse"');
  if (code === 'request_timeout') void reply.header('connection', 'close');
}

function statusOf(exception: unknown): number | null {
  if (exception instanceof HttpException) return exception.getStatus();
  if (exception instanceof Error && 'statusCode' in exception && typeof exception.statusCode === 'number')
    return exception.statusCode;
  return null;
}
