import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core';
import { type Adjust, startApp, type TestApp } from './app.js';

/** Why no browser can run here, or null; where CI is set, a missing browser is a failure and not a reason. */
export const NO_BROWSER =
  process.env['CHROMIUM_PATH'] || process.env['CI'] || (process.platform === 'linux' && process.arch === 'x64')
    ? null
    : `the bundled Chromium is for x64 Linux, not ${process.arch} ${process.platform}: set CHROMIUM_PATH to a Chromium of yours`;

/** No name but loopback's resolves; Chromium's own services stay silent. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1',
];

/** A headless Chromium; its own arguments would switch web security off, which is what these tests are about. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] || (await chromium.executablePath());
  return playwright.launch({ executablePath, headless: true, args: ARGUMENTS });
}

/** A browser profile of its own that reaches nothing but loopback; `complaints` gathers what its console reports. */
export async function newProfile(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; complaints: string[] }> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await context.route('**/*', (route) => {
    const { hostname } = new URL(route.request().url());
    return ['localhost', '127.0.0.1', '[::1]'].includes(hostname) ? route.continue() : route.abort('blockedbyclient');
  });
  context.setDefaultTimeout(8000);
  return { context, complaints };
}

/** A Gatehouse that listens at its own public URL. */
export async function startListeningApp(adjust: Adjust = () => {}): Promise<TestApp> {
  const port = await freePort();
  const test = await startApp((config) => {
    config.publicUrl = `http://127.0.0.1:${port}`;
    adjust(config);
  });
  await test.app.listen(port, '127.0.0.1');
  return test;
}

/** Somebody's app: a web server that remembers with which URLs browsers arrived. */
export interface ThrowAwayClient {
  /** On another site than Gatehouse, as far as browsers can tell. */
  origin: string;
  /** Its other name, for a redirect URI with an IPv6 address. */
  origin6: string;
  /** Path and query of every page that was asked for, oldest first. */
  arrivals: string[];
  /** The HTML of its pages. */
  content: string;
  close(): Promise<void>;
}

/** Starts a client; every path of it is a page, with the `content` that a test gives it. */
export async function startClient(): Promise<ThrowAwayClient> {
  const arrivals: string[] = [];
  const server = createServer((request, response) => {
    if (request.url !== '/favicon.ico') arrivals.push(request.url ?? '');
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>The app</title>${client.content}`);
  });
  const { port } = await listen(server, '::');
  const client: ThrowAwayClient = {
    origin: `http://localhost:${port}`,
    origin6: `http://[::1]:${port}`,
    arrivals,
    content: '',
    close: () => close(server),
  };
  return client;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = await listen(server, '127.0.0.1');
  await close(server);
  return port;
}

function listen(server: Server, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve(server.address() as AddressInfo));
  });
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
