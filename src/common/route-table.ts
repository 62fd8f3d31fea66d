import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import FindMyWay from 'find-my-way';
import { Refusal } from './errors.js';
import type { RouteFacts } from './route-config.js';

/** One registered route. */
export interface Route {
  method: string;
  url: string;
  facts: RouteFacts;
}

/** Knows every registered route, to tell a wrong method from an unknown path and to answer preflights. */
@Injectable()
export class RouteTable {
  readonly routes: Route[] = [];
  /** One for each method, as the real router has: a fixed path of one method may be a parameter's value of another. */
  private readonly routers = new Map<string, ReturnType<typeof newRouter>>();

  /** Starts to listen; must be called before the routes are registered. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ method, url, config }) => {
      if (url.includes('*')) return;
      for (const name of [method].flat()) this.add({ method: name, url, facts: config ?? {} });
    });
  }

  /** What to answer where the router found nothing: 405 with the methods that exist, or 404 (contract.md §0.2). */
  missing(request: FastifyRequest): Refusal {
    const known = this.at(request.url);
    if (!known)
      return request.method === 'TRACE'
        ? new Refusal('method_not_allowed', undefined, { allow: [] })
        : new Refusal('not_found');
    if (known.has(request.method)) return new Refusal('not_found');
    return new Refusal('method_not_allowed', undefined, { allow: [...known.keys()] });
  }

  /** Whether scripts of any origin may call this path (contract.md §0.8, CORS): decided by the route, also for preflights. */
  allowsCors(request: FastifyRequest): boolean {
    const access =
      request.routeOptions.config.access ??
      [...(this.at(request.url)?.values() ?? [])].find((facts) => facts.access)?.access;
    return (
      access !== undefined &&
      (access.kind === 'open' || access.kind === 'bearer' || (access.kind === 'client' && access.cors))
    );
  }

  private add(route: Route): void {
    this.routes.push(route);
    const router = this.routers.get(route.method) ?? newRouter();
    this.routers.set(route.method, router);
    router.on('GET', route.url, () => {}, route.facts);
  }

  private at(url: string): Map<string, RouteFacts> | null {
    const path = url.split('?', 1)[0] ?? '';
    const known = new Map<string, RouteFacts>();
    for (const [method, router] of this.routers) {
      const found = router.find('GET', path);
      if (found) known.set(method, found.store);
    }
    return known.size > 0 ? known : null;
  }
}

function newRouter() {
  return FindMyWay({ ignoreTrailingSlash: true, maxParamLength: 8192 });
}
