import { ApiProperty } from '@nestjs/swagger';
import { Allow } from 'class-validator';
import { Text } from '../common/fields.js';
import type { Passkey } from './passkey.entity.js';

const NAME = { description: 'What its owner calls it.', example: 'The blue key', max: 100 };
const PASSWORD = {
  description: 'The account’s; not needed within minutes after signing in.',
  prose: true,
  max: 65_536,
};

/** Body of `POST /api/v1/gatehouse/passkeys`. */
export class AddPasskeyBody {
  @Text(NAME)
  name?: string;

  @ApiProperty({ type: Object, description: 'RegistrationResponseJSON (WebAuthn Level 3 §5.5.2), as object or text.' })
  @Allow()
  response?: unknown;

  @Text(PASSWORD)
  password?: string;
}

/** Body of `PATCH /api/v1/gatehouse/passkeys/:id`. */
export class RenamePasskeyBody {
  @Text({ ...NAME, required: true })
  name: string;
}

/** Body of `DELETE /api/v1/gatehouse/passkeys/:id`. */
export class RemovePasskeyBody {
  @Text(PASSWORD)
  password?: string;
}

/** One passkey as its owner sees it. */
export class PasskeyResponse {
  @ApiProperty({ example: '019b2f6e-7c1a-7d2e-9b1c-0d5a4e3f2b10' })
  id: string;

  @ApiProperty({ example: 'The blue key' })
  name: string;

  @ApiProperty({ example: ['internal', 'hybrid'], description: 'How browsers reach it.' })
  transports: string[];

  @ApiProperty({ example: true, description: 'Whether its owner’s other devices have it as well.' })
  backed_up: boolean;

  @ApiProperty({ example: '2026-01-02T03:04:05.678Z' })
  created_at: string;

  @ApiProperty({ type: String, nullable: true, example: null })
  last_used_at: string | null;
}

/** The passkey as on the wire; its key never is. */
export function mapPasskey({ id, name, transports, isBackedUp, createdAt, lastUsedAt }: Passkey): PasskeyResponse {
  return {
    id,
    name,
    transports,
    backed_up: isBackedUp,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}
