import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ValidateBy, ValidateIf } from 'class-validator';
import { UploadedFile } from '../common/body-parsers.js';
import { Flag, Text } from '../common/fields.js';
import { PageLimit } from '../common/paging.js';
import type { CountedImport } from '../imports/imports.service.js';
import { type ImportCounts } from '../imports/import-counts.js';
import type { ImportRow } from '../imports/import-row.entity.js';

/** A list: a text, or a file of a multipart body. */
function ListField(): PropertyDecorator {
  return (target, key) => {
    ApiProperty({
      oneOf: [{ type: 'string', format: 'binary' }, { type: 'string' }],
      required: true,
      description: 'A CSV of Mastodon or any other, or handles between white space.',
      example: 'bob@example.org\ncarol',
    })(target, key);
    ValidateBy({ name: 'isDefined', validator: { validate: (value: unknown) => value !== undefined } })(target, key);
    ValidateBy({
      name: 'isString',
      validator: {
        validate: (value: unknown) => value === undefined || typeof value === 'string' || value instanceof UploadedFile,
      },
    })(target, key);
  };
}

/** Body of Pleroma's three routes (contract.md §7.1). */
export class ListBody {
  @ListField()
  list: string | UploadedFile;
}

/** Body of `POST /api/v1/imports` (contract.md §7.2). */
export class ImportBody extends ListBody {
  @Text({
    description: '`follow`, `block` or `mute`; also `following`, `blocking`, `muting` and plurals.',
    required: true,
  })
  kind: string;

  @Text({ description: '`merge`, which is the default, or `overwrite`: takes away what the list does not name.' })
  mode?: string;

  @Flag({ description: 'Only looks. By default so for `overwrite`.' })
  dry_run?: boolean;
}

/** Query of `GET /api/v1/imports`. */
export class ImportsQuery {
  @PageLimit({ usual: 20, most: 40 })
  limit = 20;

  @Text({ description: 'Only older ones than this; the `Link` header has it for the next page.' })
  max_id?: string;
}

/** Query of the rows of an import. */
export class RowsQuery {
  @Text({ description: 'One or more states, joined by commas.', example: 'failed,skipped' })
  state?: string;

  @Text({ description: 'One or more reasons, joined by commas.', example: 'not_found' })
  reason?: string;

  @ApiProperty({ type: Number, required: false, description: 'Of the `Link` header.' })
  @ValidateIf((_, value) => value !== undefined)
  @Transform(({ value }) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value))
  @ValidateBy({ name: 'number', validator: { validate: (value: unknown) => typeof value === 'number' } })
  cursor?: number;

  @PageLimit({ usual: 100, most: 500 })
  limit = 100;
}

const COUNT = { type: Number, example: 0 };

/** How many rows there are in each state. */
export class ImportCountsResponse implements ImportCounts {
  @ApiProperty(COUNT) rows: number;
  @ApiProperty(COUNT) pending: number;
  @ApiProperty(COUNT) planned: number;
  @ApiProperty(COUNT) applied: number;
  @ApiProperty(COUNT) requested: number;
  @ApiProperty(COUNT) unchanged: number;
  @ApiProperty(COUNT) skipped: number;
  @ApiProperty(COUNT) failed: number;
  @ApiProperty(COUNT) removed: number;
  @ApiProperty(COUNT) undone: number;
  @ApiProperty(COUNT) cancelled: number;
}

const TIME = { type: String, nullable: true, example: '2026-01-02T03:04:05.678Z' };

/** An import (contract.md §7.5). */
export class ImportResponse {
  @ApiProperty({ example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' })
  id: string;

  @ApiProperty({ enum: ['follow', 'block', 'mute'] })
  kind: string;

  @ApiProperty({ enum: ['merge', 'overwrite'] })
  mode: string;

  @ApiProperty({ example: false })
  dry_run: boolean;

  @ApiProperty({ enum: ['queued', 'running', 'preview', 'finished', 'cancelled', 'undoing', 'undone'] })
  state: string;

  @ApiProperty({ type: String, nullable: true, example: 'following_accounts.csv' })
  file_name: string | null;

  @ApiProperty({ enum: ['mastodon_csv', 'csv', 'words'] })
  dialect: string;

  @ApiProperty({ example: 'utf-8' })
  encoding: string;

  @ApiProperty({ type: [Object], example: [{ code: 'wrong_kind', message: 'The columns look like a mute list.' }] })
  warnings: object[];

  @ApiProperty({ type: ImportCountsResponse })
  counts: ImportCountsResponse;

  @ApiProperty({ example: 0.42, description: 'Between 0 and 1.' })
  progress: number;

  @ApiProperty({ example: '2026-01-02T03:04:05.678Z' })
  created_at: string;

  @ApiProperty(TIME)
  started_at: string | null;

  @ApiProperty(TIME)
  finished_at: string | null;

  @ApiProperty(TIME)
  undo_until: string | null;
}

/** One account of a list, and what became of it (contract.md §7.4). */
export class ImportRowResponse {
  @ApiProperty({ type: Number, nullable: true, example: 3, description: 'Of the file; null for what was removed.' })
  line: number | null;

  @ApiProperty({ example: 'bob@example.org' })
  handle: string;

  @ApiProperty({ example: 'failed' })
  state: string;

  @ApiProperty({ type: String, nullable: true, example: 'not_found' })
  reason: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'example.org does not know this account.' })
  message: string | null;

  @ApiProperty({ example: false, description: 'Whether sending it again may help.' })
  retryable: boolean;

  @ApiProperty({ type: String, nullable: true, example: null })
  account_id: string | null;

  @ApiProperty({ type: Object, example: { reblogs: true, notify: false, languages: null } })
  options: object;

  @ApiProperty({ example: '2026-01-02T03:04:05.678Z' })
  updated_at: string;
}

/** An import as on the wire. */
export function mapImport({ row, counts }: CountedImport): ImportResponse {
  const iso = (at: Date | null) => at?.toISOString() ?? null;
  const isOver = ['preview', 'finished', 'cancelled', 'undone'].includes(row.state);
  // What is only planned is still to be done, once it was said to.
  const left = counts.pending + (row.dryRun ? 0 : counts.planned);
  const decided = counts.rows === 0 ? 0 : Math.floor(((counts.rows - left) / counts.rows) * 100) / 100;
  return {
    id: row.id,
    kind: row.kind,
    mode: row.mode,
    dry_run: row.dryRun,
    state: row.state,
    file_name: row.fileName,
    dialect: row.dialect,
    encoding: row.encoding,
    warnings: row.warnings,
    counts,
    progress: isOver ? 1 : decided,
    created_at: row.createdAt.toISOString(),
    started_at: iso(row.startedAt),
    finished_at: iso(row.finishedAt),
    undo_until: iso(row.undoUntil),
  };
}

const RETRYABLE = new Set(['host_unreachable', 'host_timeout', 'internal']);

/** A row as on the wire. */
export function mapRow(row: ImportRow): ImportRowResponse {
  const { line, handle, state, reason, accountId, options, updatedAt } = row;
  return {
    line,
    handle,
    state,
    reason,
    message: reason === null ? null : inWords(reason, row),
    retryable: state === 'failed' && RETRYABLE.has(reason ?? ''),
    account_id: accountId,
    options,
    updated_at: updatedAt.toISOString(),
  };
}

/** A reason in words, for the person whose list it is. */
export function inWords(reason: string, { host }: Pick<ImportRow, 'host'>): string {
  const server = host ?? 'This instance';
  const known: Record<string, string> = {
    not_a_handle: 'This is not the address of an account.',
    bad_encoding: 'This line cannot be read: its characters are broken.',
    self: 'This is yourself.',
    duplicate: 'This account stands further up already.',
    not_found: `${server} does not know this account.`,
    gone: `${server} says that this account is gone.`,
    host_not_allowed: 'This server cannot be asked.',
    host_unreachable: `${server} did not answer.`,
    host_timeout: `${server} took too long to answer.`,
    bad_answer: `What ${server} answered cannot be trusted.`,
    too_large: `${server} answered with too much.`,
    you_block_them: 'You block this account.',
    they_block_you: 'This account blocks you.',
    account_disabled: 'This account is disabled.',
    rejected: 'This account has rejected your request.',
    stopped: 'Your account ended before this was done.',
  };
  return known[reason] ?? 'Something went wrong on our side.';
}
