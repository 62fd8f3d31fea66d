import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ValidateBy, ValidateIf } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { Config } from '../config/config.js';
import { readBigint } from './record-id.js';

/** One page of a list whose newest rows come first. */
export interface Page<Row, Id = number> {
  rows: Row[];
  /** The `max_id` of the page after this one; null when this is the last. */
  next: Id | null;
}

/** Cuts a page out of rows of which one more than `limit` was asked for. */
export function cutPage<Row extends { id: unknown }>(rows: Row[], limit: number): Page<Row, Row['id']> {
  const kept = rows.slice(0, limit);
  return { rows: kept, next: rows.length > limit ? (kept.at(-1)?.id ?? null) : null };
}

/** How many rows a page has; like Mastodon, a number that is out of range becomes the nearest one in it. */
export function PageLimit({ usual, most }: { usual: number; most: number }): PropertyDecorator {
  return optionalNumber(
    {
      minimum: 1,
      maximum: most,
      default: usual,
      description: 'Rows of a page. A number that is out of range becomes the nearest one in it.',
    },
    (value) =>
      typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Math.min(Math.max(Number(value), 1), most) : value,
  );
}

/** Rows older than this one; what the `Link` of the page before says. */
export function MaxId(): PropertyDecorator {
  return optionalNumber(
    { example: 4711, description: 'Only rows with a lower id; the `Link` header has it for the next page.' },
    (value) => readBigint(value) ?? value,
  );
}

/** Says where the next page is, if there is one (RFC 8288); on our own public URL, whatever the request says. */
export function linkToNext(
  reply: FastifyReply,
  config: Config,
  path: string,
  limit: number,
  page: Page<unknown>,
): void {
  if (page.next === null) return;
  void reply.header('link', `<${config.url(path)}?limit=${limit}&max_id=${page.next}>; rel="next"`);
}

function optionalNumber(property: object, read: (value: unknown) => unknown): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: Number, required: false, ...property }),
    ValidateIf((_, value) => value !== undefined),
    Transform(({ value }) => read(value)),
    ValidateBy({ name: 'number', validator: { validate: (value: unknown) => typeof value === 'number' } }),
  );
}
