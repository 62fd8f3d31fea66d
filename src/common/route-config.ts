import 'reflect-metadata';
import type { BudgetName, Config } from '../config/config.js';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';

/** What every one of our routes says of itself; read by hooks, guards and the error filter. */
export interface RouteFacts {
  access?: Access;
  dialect?: Dialect;
  /** `public, max-age=60` instead of `no-store` (contract.md §0.8, *cacheable*). */
  cacheable?: boolean;
  /** HTTP/1.0 caches are told too (RFC 6749 §5.1). */
  noHttp10Cache?: boolean;
  /** The GET creates or consumes something, so HEAD is refused (contract.md §0.2). */
  noHead?: boolean;
  /** Parameters may come from the query or the body, but not both (contract.md §0.3). */
  queryOrBody?: boolean;
  /** Takes a file: the body may be as large as the operator lets lists be, and take longer to arrive. */
  upload?: boolean;
  /** The person's own account is read with their access token, in one statement. */
  readsOwnAccount?: boolean;
  /** The name of the budget that counts calls of this route by address (contract.md §1.1). */
  addressBudget?: BudgetName;
  /** The name of the budget that counts failures of this route by address; the work itself counts them. */
  failureBudget?: BudgetName;
}

/** Which world a route belongs to, and what it demands. */
export type Access =
  /** No credentials at all; CORS for everybody. One that `knowsCaller` tells more to whoever sends a good access token. */
  | { kind: 'open'; knowsCaller?: boolean }
  /** Client credentials in the request, checked by the service (RFC 6749 §2.3). */
  | { kind: 'client'; cors: boolean }
  /** Cookies, no CORS; a POST is checked for where it comes from, unless other sites may send it (contract.md §0.9). */
  | { kind: 'browser'; admitsCrossSite?: boolean }
  /** An access token; `scopes` are alternatives, none means any. The operator may let requests without one through. */
  | {
      kind: 'bearer';
      principal: 'user' | 'app' | 'any';
      scopes: readonly string[];
      isOptional?: (config: Config) => boolean;
      /** Also for an account whose address is not confirmed yet. */
      admitsUnconfirmed?: boolean;
    };

/** How errors of a route are rendered (contract.md §0.6). */
export type Dialect = 'plain' | 'account' | 'mfa' | 'challenge' | 'oauth' | 'login' | 'authorize';

declare module 'fastify' {
  interface FastifyContextConfig extends RouteFacts {}
}

/** Adds facts to one route, or to every route of a controller. */
export function routeFacts(facts: RouteFacts): MethodDecorator & ClassDecorator {
  return (target: object, _key?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (descriptor) {
      merge(descriptor.value, facts);
    } else if (typeof target === 'function') {
      for (const { value } of Object.values(Object.getOwnPropertyDescriptors(target.prototype))) {
        if (typeof value === 'function' && value !== target) merge(value, facts);
      }
    }
  };
}

/** The method's own facts win over those of its controller, which are applied later. */
function merge(handler: object, facts: RouteFacts): void {
  const own: RouteFacts = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) ?? {};
  Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, { ...facts, ...own }, handler);
}

/** Errors of these routes are rendered in another dialect than the plain one. */
export const Speaks = (dialect: Dialect) => routeFacts({ dialect });

/** The answer may be cached for a minute by anybody. */
export const Cacheable = () => routeFacts({ cacheable: true });

/** Also caches of HTTP/1.0 must not keep the answer, whatever it is. */
export const NoHttp10Cache = () => routeFacts({ noHttp10Cache: true });

/** The body may hold a file (contract.md §0.3, *imports*). */
export const TakesFile = () => routeFacts({ upload: true });

/** The calling person's own account is read with the token: the route tells it. */
export const ReadsOwnAccount = () => routeFacts({ readsOwnAccount: true });

/** HEAD is refused because the GET changes something. */
export const NoHead = () => routeFacts({ noHead: true });

/** Parameters are read from the query or the body, not both. */
export const QueryOrBody = () => routeFacts({ queryOrBody: true });
