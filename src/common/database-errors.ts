/** SQLSTATE classes and codes that mean "the database is away or full", never "the input is wrong" (security.md D3, D8, D9, D10). */
const AWAY = /^(08|53|57P0|58|25006|55P03|40001|40P01|XX)/;
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EHOSTUNREACH', 'EAI_AGAIN']);

/** Whether a failure means that the database cannot answer now, so that a retry may help. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (code !== null) return SOCKET.has(code) || AWAY.test(code);
  // pg and its pool give these no code.
  return /timeout exceeded when trying to connect|Query read timeout|Connection terminated|not queryable|Client was closed|pool after calling end/.test(
    error.message,
  );
}

/** The unique constraint that a write ran into, or null. */
export function violatedUnique(error: unknown): string | null {
  if (!(error instanceof Error) || codeOf(error) !== '23505') return null;
  const detail = driverError(error);
  return 'constraint' in detail && typeof detail.constraint === 'string' ? detail.constraint : '';
}

function codeOf(error: Error): string | null {
  const detail = driverError(error);
  return 'code' in detail && typeof detail.code === 'string' ? detail.code : null;
}

/** TypeORM wraps the driver's error. */
function driverError(error: Error): Error {
  return 'driverError' in error && error.driverError instanceof Error ? error.driverError : error;
}
