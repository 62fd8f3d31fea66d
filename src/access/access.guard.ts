import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientInfo, networkOf } from '../common/client-info.js';
import { refuseCrossSite } from '../common/cross-site.js';
import { Refusal } from '../common/errors.js';
import type { Access } from '../common/route-config.js';
import { coversAny } from '../common/scopes.js';
import { Config } from '../config/config.js';
import { type BudgetState, LimitsService, throttled } from '../limits/limits.service.js';
import type { Principal } from '../sessions/principal.js';
import { accountBlock } from '../users/account-state.js';
import { BearerStrategy } from './bearer.strategy.js';
import { SessionCookieStrategy } from './session-cookie.strategy.js';

/**
 * Grants or refuses every request by what its route declares; a route that declares nothing is refused. The order is
 * recognition, account state, rate limit, scope (contract.md §0.4).
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly bearer: BearerStrategy,
    private readonly cookie: SessionCookieStrategy,
    private readonly limits: LimitsService,
    private readonly config: Config,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { access } = request.routeOptions.config;
    if (!access) throw new Refusal('internal', undefined, { cause: new Error(`${request.url} declares no access`) });
    if (access.kind === 'bearer') request.principal = await this.recognise(access, request);
    if (access.kind === 'open' && access.knowsCaller) request.principal = await this.recogniseIfAny(request);
    if (access.kind === 'browser' && request.method === 'POST' && !access.admitsCrossSite)
      refuseCrossSite(request, this.config);
    await this.limit(request, http.getResponse<FastifyReply>());
    if (access.kind === 'bearer') demandScope(access, request.principal);
    if (access.kind === 'browser') request.browser = (await this.cookie.validate(request)) || null;
    return true;
  }

  private async recognise(
    access: Extract<Access, { kind: 'bearer' }>,
    request: FastifyRequest,
  ): Promise<Principal | undefined> {
    if (request.headers.authorization === undefined && access.isOptional?.(this.config)) return undefined;
    const found = await this.bearer.validate(request);
    const { user } = found.principal;
    const block = user && accountBlock(user);
    if (block === 'deleted' || (found.isDead && !found.diedOfDisabling)) throw new Refusal('token_invalid');
    const isAdmitted = block === 'missing_confirmed_email' && access.admitsUnconfirmed === true;
    if (block && !isAdmitted) throw new Refusal(block);
    if (access.principal === 'user' && !user) throw new Refusal('user_required');
    if (access.principal === 'app' && user) throw new Refusal('app_required');
    return found.principal;
  }

  /** Somebody whose token is no good is anybody. */
  private async recogniseIfAny(request: FastifyRequest): Promise<Principal | undefined> {
    if (request.headers.authorization === undefined) return undefined;
    try {
      return await this.recognise({ kind: 'bearer', principal: 'any', scopes: [] }, request);
    } catch (error) {
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) return undefined;
      throw error;
    }
  }

  private async limit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const state = await this.count(request);
    if (!state) return;
    const { limit, remaining, resetAt } = state;
    void reply.header('x-ratelimit-limit', String(limit));
    void reply.header('x-ratelimit-remaining', String(Math.max(0, remaining)));
    void reply.header('x-ratelimit-reset', resetAt.toISOString());
    // After the headers: the route is rate-limited whatever it answers (contract.md §0.8).
    if (remaining < 0) throw throttled(state);
  }

  private async count(request: FastifyRequest): Promise<BudgetState | null> {
    const { addressBudget, failureBudget } = request.routeOptions.config;
    const address = networkOf(clientInfo(request).ip);
    if (addressBudget !== undefined) return this.limits.tryConsume(addressBudget, address);
    return failureBudget === undefined ? null : this.limits.foresee(failureBudget, address);
  }
}

function demandScope({ scopes }: Extract<Access, { kind: 'bearer' }>, principal: Principal | undefined): void {
  if (principal && scopes.length > 0 && !coversAny(principal.scopes, scopes)) {
    throw new Refusal('insufficient_scope', undefined, { scopes });
  }
}
