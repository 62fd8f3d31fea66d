import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { QueryOrBody, routeFacts, Speaks } from './route-config.js';

/** Nobody needs to be recognised; scripts of any origin may read the answer. */
export const Open = () => routeFacts({ access: { kind: 'open' } });

/** Nobody needs to be recognised, but whoever sends a good access token is told more. */
export const OpenToCallers = () => routeFacts({ access: { kind: 'open', knowsCaller: true } });

/** The service checks client credentials; `cors` as contract.md §0.8 lists the route. */
export const ClientCredentials = (options: { cors: boolean }) => routeFacts({ access: { kind: 'client', ...options } });

/** A page or form of the cookie world: no CORS, and a POST must not come from another site. */
export const Browser = () => routeFacts({ access: { kind: 'browser' } });

/** The start of a sign-in at a provider: frontends of any site may lead there (contract.md §0.9). */
export const SignInStart = () =>
  applyDecorators(routeFacts({ access: { kind: 'browser', admitsCrossSite: true } }), Speaks('login'), QueryOrBody());

/** Needs a person's access token that covers one of the scopes; none named means any live token of a person. */
export const UserToken = (...scopes: string[]) =>
  applyDecorators(routeFacts({ access: { kind: 'bearer', principal: 'user', scopes } }), ApiBearerAuth());

/** Needs a person's access token of any scope, also while their address is not confirmed. */
export const UnconfirmedUserToken = () =>
  applyDecorators(
    routeFacts({ access: { kind: 'bearer', principal: 'user', scopes: [], admitsUnconfirmed: true } }),
    ApiBearerAuth(),
  );

/** Needs a client's own token (client credentials) that covers the scope, unless the operator lets everybody in. */
export const AppToken = (scope: string, isOptional: (config: Config) => boolean) =>
  applyDecorators(
    routeFacts({ access: { kind: 'bearer', principal: 'app', scopes: [scope], isOptional } }),
    ApiBearerAuth(),
  );

/** Needs any live access token. */
export const AnyToken = () =>
  applyDecorators(routeFacts({ access: { kind: 'bearer', principal: 'any', scopes: [] } }), ApiBearerAuth());

/** A form post of a sign-in: OAuth parameters in query or body, errors as redirects to the login page. */
export const SignInStep = () => applyDecorators(Browser(), Speaks('login'), QueryOrBody());

/** Query and body as one, on a route marked `QueryOrBody`. */
export const MergedParameters = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().parameters,
);
