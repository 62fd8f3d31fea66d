import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';

/** Whoever does not hang up after the answer is hung up on, so many milliseconds later. */
const LINGER_MS = 1000;

/** Answers what never became a request: oversized headers, broken or slow HTTP (contract.md §0.3); with the headers of every answer (§0.8). */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // The other side is gone.
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, sentence] = answerTo(error.code);
  const body = JSON.stringify({ error: sentence });
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n` +
      `X-Request-Id: ${randomUUID()}\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n` +
      `Content-Security-Policy: default-src 'none';frame-ancestors 'none'\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(linger));
}

function answerTo(code: string | undefined): [string, string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['408 Request Timeout', 'Request took too long'];
    case 'HPE_HEADER_OVERFLOW':
      return ['431 Request Header Fields Too Large', 'Request headers are too large'];
    default:
      return ['400 Bad Request', 'Malformed request'];
  }
}
