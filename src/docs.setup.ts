import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ApplicationsService } from './applications/applications.service.js';
import { describeScope, KNOWN_SCOPES } from './common/scopes.js';
import type { Config } from './config/config.js';

/** Where the document and its browser live (contract.md §8.6). */
const DOCS = 'docs';

/** What Swagger UI's own pages need; its inline styles have no nonce, its redirect page has an inline script. */
const DOCS_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
const REDIRECT_CSP =
  "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

/** The OpenAPI document of all routes; the same bytes for the same code. */
export function createDocument(app: NestFastifyApplication, config: Config): OpenAPIObject {
  const scopes = Object.fromEntries(KNOWN_SCOPES.map((word) => [word, describeScope(word)]));
  const builder = new DocumentBuilder()
    .setTitle('Gatehouse')
    .setDescription(
      'The front door of a fediverse instance: Lysand’s Frontend API and Pleroma’s account API on Mastodon-style OAuth. ' +
        'Press **Authorize** to sign in with an account of this instance, or paste an access token.',
    )
    .setVersion('0.1.0')
    .addServer(config.publicUrl)
    .addOAuth2({
      type: 'oauth2',
      flows: {
        authorizationCode: {
          authorizationUrl: config.url('/oauth/authorize'),
          tokenUrl: config.url('/oauth/token'),
          scopes,
        },
      },
    })
    .addBearerAuth({ type: 'http', scheme: 'bearer' })
    .addBasicAuth({ type: 'http', scheme: 'basic', description: 'A client’s id and secret.' });
  const document = SwaggerModule.createDocument(app, builder.build(), {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
  });
  letOAuth2AuthorizeToo(document);
  listAliasesOnce(document);
  return document;
}

/** Serves Swagger UI and the document; "Authorize" signs in through our own front door, as a public client of ours. */
export function setUpDocs(app: NestFastifyApplication, config: Config): void {
  const initOAuth = { clientId: '', usePkceWithAuthorizationCodeGrant: true, scopes: ['read'] };
  const fastify = app.getHttpAdapter().getInstance();
  // The client is made when somebody first opens the page: a start should not have to wait for it.
  fastify.addHook('onRoute', (route) => {
    if (route.url !== `/${DOCS}/swagger-ui-init.js`) return;
    route.preHandler = async ({ method }) => {
      if (method === 'HEAD') return;
      initOAuth.clientId = await docsClientId(app, config);
    };
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (request.raw.url?.startsWith(`/${DOCS}`)) {
      void reply.header(
        'content-security-policy',
        request.raw.url.includes('oauth2-redirect') ? REDIRECT_CSP : DOCS_CSP,
      );
    }
    done(null, payload);
  });
  SwaggerModule.setup(DOCS, app, () => createDocument(app, config), {
    jsonDocumentUrl: `${DOCS}/openapi.json`,
    yamlDocumentUrl: `${DOCS}/openapi.yaml`,
    customSiteTitle: 'Gatehouse API',
    swaggerOptions: { oauth2RedirectUrl: config.url(`/${DOCS}/oauth2-redirect.html`), initOAuth },
  });
}

/** A route that takes a bearer token takes one that Swagger UI got by itself as well. */
function letOAuth2AuthorizeToo(document: OpenAPIObject): void {
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      if (operation?.security?.some((scheme) => 'bearer' in scheme)) operation.security.push({ oauth2: [] });
    }
  }
}

/** The `.json` spelling that Pleroma-FE uses of a path is the same route: listed twice it would only be in the way. */
function listAliasesOnce({ paths }: OpenAPIObject): void {
  for (const path of Object.keys(paths)) {
    if (path.endsWith('.json') && path.slice(0, -5) in paths) delete paths[path];
  }
}

/** The public client that Swagger UI signs in with. */
async function docsClientId(app: NestFastifyApplication, config: Config): Promise<string> {
  const client = await app.get(ApplicationsService).ensureBuiltin('docs', {
    name: 'Gatehouse API browser',
    redirectUris: [config.url(`/${DOCS}/oauth2-redirect.html`)],
    scope: 'read write follow push profile',
  });
  return client.clientId;
}
