import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** A browser that holds a live `jwt` cookie. */
export interface SignedInBrowser {
  /** The session row's id, `sid` of the cookie. */
  id: string;
  userId: string;
  username: string;
  /** The client it was signed in for, `aud` of the cookie. */
  clientId: string;
  /** When cookie and row end. */
  expiresAt: Date;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the access guard on browser routes; null when nobody is signed in. */
    browser?: SignedInBrowser | null;
  }
}

/** The signed-in browser of a browser route, or null. */
export const CallingBrowser = createParamDecorator(
  (_: unknown, context: ExecutionContext): SignedInBrowser | null =>
    context.switchToHttp().getRequest<FastifyRequest>().browser ?? null,
);
