import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Controller, Get } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { AccessGuard } from '../src/access/access.guard.js';
import { RouteTable } from '../src/common/route-table.js';
import { createDocument } from '../src/docs.setup.js';
import { startApp, type TestApp } from './support/app.js';

const SNAPSHOT = new URL('./openapi.json', import.meta.url);

describe('every route', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
  });
  afterAll(() => test.close());

  it('declares its access; only documents and assets, which are files, have none', () => {
    const undeclared = test.app.get(RouteTable).routes.filter(({ facts }) => !facts.access);
    expect(undeclared.filter(({ url }) => !/^\/(docs|assets)(\/|$)/.test(url))).toEqual([]);
  });

  it('would be refused if it declared none', async () => {
    @Controller('undeclared')
    class UndeclaredController {
      @Get()
      read(): string {
        return 'open by accident';
      }
    }
    // The guard alone, as the house binds it: everything it might call is absent and must not be reached.
    const module = await Test.createTestingModule({
      controllers: [UndeclaredController],
      providers: [
        {
          provide: APP_GUARD,
          useValue: new AccessGuard(...([] as unknown as ConstructorParameters<typeof AccessGuard>)),
        },
      ],
    }).compile();
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    const app = module.createNestApplication(new FastifyAdapter(), { logger: false });
    await app.init();
    const answer = await app.getHttpAdapter().getInstance().inject('/undeclared');
    await app.close();
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('open by accident');
  });

  it('stands in the OpenAPI document as committed (UPDATE_OPENAPI=1 writes it anew)', () => {
    const document = `${JSON.stringify(createDocument(test.app, test.config), null, 2)}\n`;
    if (process.env['UPDATE_OPENAPI'] || !existsSync(SNAPSHOT)) {
      if (process.env['CI']) throw new Error('test/openapi.json is missing');
      writeFileSync(SNAPSHOT, document);
    }
    expect(document).toBe(readFileSync(SNAPSHOT, 'utf8'));
  });

  it('has a summary, examples and its failures in the document', () => {
    const document = createDocument(test.app, test.config);
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      [item.get, item.post, item.delete, item.put, item.patch].flatMap((operation) =>
        operation ? [{ path, operation }] : [],
      ),
    );
    const lacking = operations.flatMap(({ path, operation }) => {
      const { summary, security, requestBody, responses } = operation;
      const lacks = [
        !summary && 'summary',
        // A challenge is answered 400 whatever is wrong, the client included (contract.md §2.6).
        security?.length && !responses['401'] && path !== '/oauth/mfa/challenge' && '401',
        requestBody && !responses['415'] && '415',
      ].filter(Boolean);
      return lacks.map((what) => `${path}: ${what}`);
    });
    expect(operations.length).toBeGreaterThan(20);
    expect(lacking).toEqual([]);
  });

  it('is browsable at /docs, where "Authorize" knows our own public client', async () => {
    const page = await test.http.get('/docs');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    const init = await test.http.get('/docs/swagger-ui-init.js');
    const clientId = /"clientId":\s*"([\w-]{43})"/.exec(init.text)?.[1];
    const { http } = test;
    const login = await http.get('/oauth/authorize').query({
      client_id: clientId,
      redirect_uri: 'http://localhost:3000/docs/oauth2-redirect.html',
      response_type: 'code',
      scope: 'read',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    expect(login.status).toBe(200);
    expect((await http.get('/docs/openapi.json')).body.info.title).toBe('Gatehouse');
  });
});
