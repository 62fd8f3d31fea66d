import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { cpuOf, type Server } from './processes.js';

/** One request of a load. */
export interface Shot {
  method?: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Who sends what. */
export interface Load {
  connections: number;
  /** The next request; called before the load starts, never while it runs. */
  shot: () => Shot;
  /** The status that every answer must have. */
  status: number;
  /** So many seconds, … */
  seconds?: number;
  /** … or so many requests, each made once. */
  amount?: number;
}

/** What came out. */
export interface Measured {
  /** Requests in a second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  requests: number;
  /** Answers with another status, broken connections, timeouts. */
  failed: number;
  /** CPU time of the server a request, in microseconds. */
  serverCpu: number;
}

/** Different requests of a connection for each second, after which it begins anew. */
const VARIETY = 700;

/** Loads a server with requests that were made beforehand, so that making them costs nothing while it counts. */
export async function drive(
  server: Server,
  { connections, shot, status, seconds = 1, amount }: Load,
): Promise<Measured> {
  const variety = amount === undefined ? Math.ceil(seconds * VARIETY) : Math.ceil(amount / connections);
  const times: number[] = [];
  let failed = 0;
  let start = 0;
  let end = 0;
  let cpu = 0;
  const { errors, timeouts } = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      url: server.origin,
      connections,
      ...(amount === undefined ? { duration: seconds } : { amount }),
      sampleInt: 50,
      setupClient: (client) => client.setRequests(Array.from({ length: variety }, shot)),
    };
    const run = autocannon(options, (error: Error | null, result) => (error ? reject(error) : resolve(result)));
    run.on('start', () => {
      start = performance.now();
      cpu = cpuOf(server.pid);
    });
    run.on('response', (_client, answered, _bytes, milliseconds) => {
      end = performance.now();
      if (answered !== status) failed++;
      times.push(milliseconds);
    });
  });
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    rate: (times.length * 1000) / (end - start),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    requests: times.length,
    failed: failed + errors + timeouts,
    serverCpu: (cpuOf(server.pid) - cpu) / times.length,
  };
}
