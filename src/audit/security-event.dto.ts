import { ApiProperty } from '@nestjs/swagger';
import type { ListedEvent } from './audit.service.js';

/** One event of a person's own journal (contract.md §4.4). */
export class SecurityEventResponse {
  @ApiProperty({ example: '4711' })
  id: string;

  @ApiProperty({ example: 'login.failed' })
  type: string;

  @ApiProperty({ example: '2026-01-02T03:04:05.678Z' })
  created_at: string;

  @ApiProperty({ type: String, nullable: true, example: '192.0.2.7' })
  ip: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'Mozilla/5.0 …' })
  user_agent: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'Pleroma FE',
    description: 'Through which client program; null when it was none, or one that is gone.',
  })
  app_name: string | null;
}

/** The event as on the wire. */
export function mapSecurityEvent({ id, type, createdAt, ip, userAgent, appName }: ListedEvent): SecurityEventResponse {
  return {
    id: String(id),
    type,
    created_at: createdAt.toISOString(),
    ip,
    user_agent: userAgent,
    app_name: appName,
  };
}
