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
  '*.code',
  '*.parameters',
  '*.driverError.parameters',
];

/** JSON lines on standard output: a request is told by method, path and status, never by its query or body. */
export function loggerOptions(level: LogLevel): LoggerOptions {
  return {
    level,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    serializers: {
      req: (request: { method: string; url: string; ip?: string }) => ({
        method: request.method,
        path: request.url.split('?', 1)[0],
        ip: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
      err: errorFacts,
    },
  };
}

/** Query parameters of the driver's errors hold hashes and addresses, so only what tells the fault is kept. */
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
