import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastifyCookie from '@fastify/cookie';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Logger as NestPinoLogger } from 'nestjs-pino';
import { pino, type Logger } from 'pino';
import { AppModule } from './app.module.js';
import { limitArrival, UPLOAD_LIMIT_MS } from './common/arrival.js';
import { BODY_LIMIT, parseQuery, registerBodyParsers } from './common/body-parsers.js';
import { answerClientError } from './common/client-error.js';
import { registerRequestHooks } from './common/request-hooks.js';
import { RouteTable } from './common/route-table.js';
import type { Config, TrustProxy } from './config/config.js';
import { setUpDocs } from './docs.setup.js';
import { JobsService } from './jobs/jobs.service.js';
import { loggerOptions } from './logging.js';
import { serveAssets } from './pages/serve-assets.js';

/** The longest that headers may take to arrive, in milliseconds (contract.md §0.3). */
const HEADERS_TIMEOUT_MS = 30_000;

/** Where no route is. */
const UNKNOWN_PATH = '/.unknown';

/** The application, ready for requests but not listening: the rooms, and around them limits, parsers, headers, documents. */
export async function createApp(
  config: Config,
  databaseUrl: string,
  log: Logger = pino(loggerOptions(config.logLevel)),
) {
  const adapter = new FastifyAdapter({
    logger: false,
    skipMiddie: true,
    multipart: false,
    trustProxy: trustedProxies(config.trustProxy),
    bodyLimit: BODY_LIMIT,
    requestTimeout: UPLOAD_LIMIT_MS,
    http: {
      // Our own hook refuses it, in JSON.
      requireHostHeader: false,
      maxHeaderSize: 16 * 1024,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 2000,
    },
    clientErrorHandler: answerClientError,
    rewriteUrl: ({ url = '/' }) => (isDecodable(url) ? url : UNKNOWN_PATH),
    // What arrives while we stop is still answered; the proxy hears of it from readiness.
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) =>
      (config.trustProxy !== false && readRequestId(request.headers['x-request-id'])) || randomUUID(),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8192, querystringParser: parseQuery },
  });
  const fastify: FastifyInstance = adapter.getInstance();
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.on(config, databaseUrl, log), adapter, {
    bodyParser: false,
    abortOnError: false,
    // Every module and route is told of while the house is built; only what is wrong matters to an operator.
    logger: ['warn', 'error', 'fatal'],
  });
  const routes = app.get(RouteTable);
  routes.watch(fastify);
  fastify.addHook('onRoute', (route) => {
    if (route.config?.upload) route.bodyLimit = config.imports.max_bytes + BODY_LIMIT;
  });
  limitArrival(fastify);
  setSecurityHeaders(app, config);
  registerRequestHooks(fastify, routes, log);
  await app.register(fastifyCookie);
  await registerBodyParsers(fastify);
  await serveAssets(fastify);
  setUpDocs(app, config);
  await app.init();
  app.useLogger(app.get(NestPinoLogger));
  await fastify.ready();
  app.get(JobsService).start();
  return app;
}

/** The same on every answer; pages and documents set a policy of their own (contract.md §0.8). */
function setSecurityHeaders(app: NestFastifyApplication, config: Config): void {
  app.useSecurityHeaders({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: 'no-referrer' },
    xContentTypeOptions: true,
    xFrameOptions: { action: 'deny' },
    strictTransportSecurity: config.https && { maxAge: 31_536_000, includeSubDomains: false },
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: false,
    crossOriginResourcePolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
}

/** So many hops from our own socket, or these addresses (contract.md §1, `TRUST_PROXY`). */
function trustedProxies(trust: TrustProxy) {
  return typeof trust === 'number' ? (_address: string, hop: number) => hop < trust : trust;
}

/** The router answers broken escapes by itself, without our hooks; as an unknown path they get our answer. */
function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
    return true;
  } catch {
    return false;
  }
}

/** A trusted proxy's request id, if it looks like one. */
function readRequestId(header: string | string[] | undefined): string | null {
  return typeof header === 'string' && /^[\w.:-]{1,100}$/.test(header) ? header : null;
}
