import { inspect } from 'node:util';
import type { TestApp } from './app.js';

/**
 * Everything that is logged outside of requests from now on, whole. In `logs` of a test app that may be missing: such
 * lines go to the first app that the process ever started.
 */
export function tapLog({ app }: TestApp): string[] {
  const lines: string[] = [];
  const write = (...parts: unknown[]) => lines.push(inspect(parts, { depth: 8, breakLength: Infinity }));
  app.useLogger({ log: write, error: write, warn: write, debug: write, verbose: write, fatal: write });
  return lines;
}
