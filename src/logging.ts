import type { LoggerOptions } from 'pino';
import type { LogLevel } from './config/config.js';

/** Where secrets could stand in what is logged; each is replaced, never written (security.md R15). */
const SECRET_PATHS = [
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  '*.password',
  '*.client_secret',
  '*.access_token',
  '*.refresh_token',
  '*.parameters',
];

/** How errors are told. nestjs-pino would put its own in its place unless it is given this one. */
export const SERIALIZERS = { err: errorFacts };

/** JSON lines on standard output; what is said of a request is chosen where it is logged, never its query or body. */
export function loggerOptions(level: LogLevel): LoggerOptions {
  return { level, redact: { paths: SECRET_PATHS, censor: '[redacted]' }, serializers: SERIALIZERS };
}

/** The driver's errors carry the values of their statement, which hold hashes and addresses: only what tells the fault is kept. */
function errorFacts(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error ? { code: error.code } : {};
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...code,
    ...(error.cause instanceof Error && { cause: errorFacts(error.cause) }),
  };
}
