import { ApiProperty } from '@nestjs/swagger';
import { deviceName } from '../common/device.js';
import { Flag } from '../common/fields.js';
import type { ListedSession } from './list-sessions.js';

/** Query of `DELETE /api/oauth_tokens`. */
export class RevokeAllQuery {
  @Flag({ description: 'Keep the session that makes this call.' })
  keep_current?: boolean;
}

/** One live session, as Pleroma-FE and Soapbox list it, and more (contract.md §4.1). */
export class SessionResponse {
  @ApiProperty({ example: 9275, description: 'The `id` of the token answer.' })
  id: number;

  @ApiProperty({ example: 'Pleroma FE' })
  app_name: string;

  @ApiProperty({ type: String, nullable: true, example: null })
  app_website: string | null;

  @ApiProperty({
    example: '2026-04-02T15:51:08.234234',
    description: 'UTC without a zone; `9999-12-31T23:59:59.999999` for never.',
  })
  valid_until: string;

  @ApiProperty({ example: true })
  current: boolean;

  @ApiProperty({ example: '2026-01-02T15:51:08.234Z' })
  created_at: string;

  @ApiProperty({ type: String, nullable: true, example: '2026-01-02T16:00:00.000Z' })
  last_used_at: string | null;

  @ApiProperty({ type: String, nullable: true, example: '192.0.2.7' })
  ip: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'Mozilla/5.0 …' })
  user_agent: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'Firefox on Linux',
    description: 'What `user_agent` means, in words; null when it tells nothing.',
  })
  device: string | null;

  @ApiProperty({ type: [String], example: ['read', 'write'] })
  scopes: string[];
}

/** Pleroma-FE shows null as 1970, so "never" is the last moment there is (contract.md §4.1). */
const NEVER = '9999-12-31T23:59:59.999999';

/** The session as on the wire. */
export function mapSession(session: ListedSession): SessionResponse {
  return {
    id: session.id,
    app_name: session.appName,
    app_website: session.appWebsite,
    valid_until: session.validUntil === 'infinity' ? NEVER : isoMoment(session.validUntil, 6),
    current: session.isCurrent,
    created_at: `${isoMoment(session.createdAt, 3)}Z`,
    last_used_at: session.lastUsedAt && `${isoMoment(session.lastUsedAt, 3)}Z`,
    ip: session.ip,
    user_agent: session.userAgent,
    device: deviceName(session.userAgent),
    scopes: session.scope.split(' '),
  };
}

/** PostgreSQL's `2026-01-02 15:51:08.23` as ISO 8601 with so many digits of a second; it leaves trailing zeros out. */
function isoMoment(text: string, digits: 3 | 6): string {
  const [seconds = '', fraction = ''] = text.replace(' ', 'T').split('.');
  return `${seconds}.${fraction.padEnd(6, '0').slice(0, digits)}`;
}
