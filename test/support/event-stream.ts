import { type ClientRequest, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestApp } from './app.js';

/** Waits in real time, whatever time a test pretends; vitest's own waiting would move a faked clock. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const begun = performance.now(); !isSo(); await pause(2)) {
    if (performance.now() - begun > 5000) throw new Error(`It does not come true: ${isSo.toString()}`);
  }
}

/** One block of a stream: an event, a comment, or `retry`. */
export interface Heard {
  /** As it came. */
  text: string;
  event: string | null;
  data: Record<string, unknown> | null;
  /** In milliseconds. */
  at: number;
}

/** What a client hears of a stream of server-sent events. */
export class EventStream {
  readonly heard: Heard[] = [];
  isOver = false;
  /** Whether it was ended, and not just cut. */
  isComplete = false;

  private constructor(
    private readonly request: ClientRequest,
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
  ) {}

  static async open({ app }: TestApp, path: string, token: string, more: Record<string, string> = {}) {
    const { port } = app.getHttpServer().address() as AddressInfo;
    const headers = { authorization: `Bearer ${token}`, ...more };
    const { promise, resolve, reject } = Promise.withResolvers<EventStream>();
    const sent = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false });
    sent.on('response', (answer) => {
      const stream = new EventStream(sent, answer.statusCode ?? 0, answer.headers);
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        const blocks = (text + chunk).split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) stream.heard.push(read(block));
      });
      answer.on('error', () => {});
      answer.on('close', () => Object.assign(stream, { isOver: true, isComplete: answer.complete && text === '' }));
      resolve(stream);
    });
    sent.on('error', reject);
    sent.end();
    return promise;
  }

  /** The names of what was heard, in order; what is no event by its text. */
  get names(): string[] {
    return this.heard.map(({ event, text }) => event ?? text);
  }

  /** Waits until so many blocks were heard. */
  async hears(count: number): Promise<Heard> {
    await until(() => this.heard.length >= count);
    return this.heard[count - 1]!;
  }

  async end(): Promise<void> {
    await until(() => this.isOver);
  }

  hangUp(): void {
    this.request.destroy();
  }
}

function read(text: string): Heard {
  const fields = new Map(text.split('\n').map((line): [string, string] => [line.split(': ', 1)[0] ?? '', line]));
  const data = fields.get('data')?.slice('data: '.length);
  return {
    text,
    event: fields.get('event')?.slice('event: '.length) ?? null,
    data: data === undefined ? null : JSON.parse(data),
    at: performance.now(),
  };
}
