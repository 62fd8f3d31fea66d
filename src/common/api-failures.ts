import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';

const SENTENCES: Record<number, string> = {
  400: 'Malformed: unreadable, missing, mistyped or given twice.',
  401: 'Not recognised: no, unknown, expired or revoked credentials.',
  403: 'Recognised and not allowed, or a request from another site.',
  404: 'Missing, or somebody else’s.',
  408: 'The request took too long.',
  409: 'Not possible in this state.',
  413: 'The body is too large.',
  415: 'The content type is not JSON, form or multipart.',
  422: 'Understood and refused.',
  429: 'Throttled: wait `Retry-After` seconds.',
  503: 'The database or the hashing capacity is away; try again after `Retry-After` seconds.',
};

/** Lists in the OpenAPI document every failure that a route can answer; those of any body and of any outage come with it. */
export function ApiFailures(...statuses: number[]): MethodDecorator {
  const all = [...new Set([...statuses, 413, 415, 503])];
  return applyDecorators(
    ...all.map((status) =>
      ApiResponse({ status, description: SENTENCES[status] ?? '', schema: { example: example(status) } }),
    ),
  );
}

function example(status: number): object {
  switch (status) {
    case 401:
      return { error: 'The access token is invalid' };
    case 403:
      return { error: 'Insufficient permissions: write.' };
    case 404:
      return { error: 'Record not found' };
    case 413:
      return { error: 'Request body is too large' };
    case 415:
      return { error: 'Unsupported content type' };
    case 429:
      return { error: 'Throttled' };
    case 503:
      return { error: 'Service unavailable' };
    default:
      return { error: 'Malformed request body' };
  }
}
