import { ApiProperty } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Config } from '../config/config.js';
import type { Backup, BackupState } from './backup.entity.js';
import type { BackupFile } from './backups.service.js';

/** What a backup is, as an HTTP type. */
export const ARCHIVE_TYPE = 'application/zip';

/** One backup in Pleroma's words (contract.md §5.10). */
export class BackupResponse {
  @ApiProperty({ example: 3 })
  id: number;

  @ApiProperty({ example: ARCHIVE_TYPE })
  content_type: string;

  @ApiProperty({
    example: 'https://example.org/api/v1/backups/3/file',
    description: 'Where the file is once it is complete; needs the same access token.',
  })
  url: string;

  @ApiProperty({ example: 12_345, description: 'In bytes.' })
  file_size: number;

  @ApiProperty({ example: true, description: 'Whether it is complete.' })
  processed: boolean;

  @ApiProperty({ enum: ['pending', 'running', 'complete', 'failed'], example: 'complete' })
  state: BackupState;

  @ApiProperty({ example: 120, description: 'How many records are in it so far.' })
  processed_number: number;

  @ApiProperty({ example: '2026-01-02T03:04:05.678Z' })
  inserted_at: string;
}

/** The backup as on the wire. */
export function mapBackup(config: Config, backup: Backup): BackupResponse {
  const { id, fileSize, state, processedNumber, createdAt } = backup;
  return {
    id,
    content_type: ARCHIVE_TYPE,
    url: config.url(`/api/v1/backups/${id}/file`),
    file_size: fileSize,
    processed: state === 'complete',
    state,
    processed_number: processedNumber,
    inserted_at: createdAt.toISOString(),
  };
}

/** Sends an archive as something to keep, not to look at. */
export function sendArchive(reply: FastifyReply, { name, bytes }: BackupFile): void {
  void reply.type(ARCHIVE_TYPE).header('content-disposition', `attachment; filename="${name}"`).send(bytes);
}
