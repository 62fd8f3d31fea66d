import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../common/errors.js';
import type { AccountStateColumns } from '../users/account-state.js';
import type { OwnAccount } from '../users/own-account.js';
import type { Role } from '../users/user.entity.js';

/** The person behind an access token: what the hot statement reads of their row. */
export interface SignedInUser extends AccountStateColumns {
  id: string;
  username: string;
  displayName: string;
  note: string;
  locale: string | null;
  role: Role;
  createdAt: Date;
  /** Only on routes that read it. */
  own: OwnAccount | null;
}

/** Who is calling, and with which scopes. */
export interface Principal {
  sessionId: number;
  applicationId: number;
  scopes: readonly string[];
  /** Null for a client's own token. */
  user: SignedInUser | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the access guard on bearer routes. */
    principal?: Principal;
  }
}

/** The caller of a bearer route. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!principal) throw new Refusal('token_missing');
  return principal;
});

/** The caller of an open route that knows callers; null for anybody. */
export const CallerIfAny = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal | null =>
    context.switchToHttp().getRequest<FastifyRequest>().principal ?? null,
);

/** The person behind a bearer route that needs one. */
export const CallingUser = createParamDecorator((_: unknown, context: ExecutionContext): SignedInUser => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!principal?.user) throw new Refusal('user_required');
  return principal.user;
});
