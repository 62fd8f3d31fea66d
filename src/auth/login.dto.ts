import { ApiProperty } from '@nestjs/swagger';
import { type FieldProblem, InvalidFields } from '../common/errors.js';
import { fold } from '../common/fields.js';
import type { Parameters } from '../common/parameters.js';

/** Body of `POST /api/auth/login` (Lysand's Frontend API; contract.md §3.3). */
export class LoginBody {
  @ApiProperty({
    example: 'alice',
    maxLength: 254,
    description: 'User name or e-mail address of a local account, in any case.',
  })
  identifier: string;

  @ApiProperty({ example: 'correct horse battery staple', format: 'password' })
  password: string;
}

/**
 * Reads the two fields of the form. Not a pipe, because the authorization request is checked before them.
 * @throws InvalidFields with status 422, or 400 for control characters in the identifier
 */
export function readLoginBody(body: Parameters): LoginBody {
  const identifier = fold(body['identifier']);
  const { password } = body;
  const problems = [textProblem('identifier', identifier), textProblem('password', password)].filter(
    (problem) => problem !== null,
  );
  if (problems.length > 0 || typeof identifier !== 'string' || typeof password !== 'string')
    throw new InvalidFields(problems, 422);
  if (identifier.length > 254) throw new InvalidFields([{ field: 'identifier', kind: 'invalid' }], 422);
  // Characters that no identifier has are malformed everywhere (contract.md §0.3).
  if (/\p{Cc}/u.test(identifier)) throw new InvalidFields([{ field: 'identifier', kind: 'invalid' }]);
  return { identifier, password };
}

function textProblem(field: string, value: unknown): FieldProblem | null {
  if (value === undefined || value === '') return { field, kind: 'missing' };
  return typeof value === 'string' ? null : { field, kind: 'not_a_string' };
}
