import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What may be wrong with any answer, whatever stands in it. */
export const WIRE_FAULTS = [
  'says 500',
  'redirects',
  'is 10 MB long',
  'never ends',
  'is not JSON',
  'sends 1 byte per second',
  'never answers',
] as const;
export type WireFault = (typeof WIRE_FAULTS)[number];

/** An answer that is right. */
export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body: object;
}

const TEN_MB = 10 * 1024 * 1024;

/** Answers, with one thing wrong with it; `elsewhere` is where a redirect goes. */
export async function send(
  response: ServerResponse,
  { status = 200, headers = {}, body }: Answer,
  fault?: WireFault,
  elsewhere = '',
): Promise<void> {
  const head = (code: number) => response.writeHead(code, { 'content-type': 'application/json', ...headers });
  switch (fault) {
    case undefined:
      head(status).end(JSON.stringify(body));
      return;
    case 'says 500':
      head(500).end('{"error":"server_error"}');
      return;
    case 'redirects':
      // The status with which a client that follows sends its body and its secret again.
      response.writeHead(307, { location: elsewhere }).end();
      return;
    case 'is 10 MB long':
      // All else is right, so that only a limit refuses it.
      head(status).end(JSON.stringify({ ...body, padding: 'x'.repeat(TEN_MB) }));
      return;
    case 'never ends':
      head(status);
      await pipeline(spaces, response);
      return;
    case 'is not JSON':
      response.writeHead(status, { 'content-type': 'text/html', ...headers }).end('<!doctype html><h1>Welcome</h1>');
      return;
    case 'sends 1 byte per second':
      head(status);
      await pipeline(() => trickle(JSON.stringify(body)), response);
      return;
    case 'never answers':
      return;
  }
}

async function* spaces() {
  const chunk = ' '.repeat(64 * 1024);
  for (;;) yield chunk;
}

async function* trickle(text: string) {
  for (const byte of text) {
    yield byte;
    await sleep(1000, undefined, { ref: false });
  }
}
