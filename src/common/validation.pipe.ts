import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { InvalidFields, type FieldProblem } from './errors.js';

/** Turns a body or query into its DTO, or names every missing and mistyped field at once; unknown names are dropped. */
export function fieldsPipe(status: 400 | 422 = 400): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    validateCustomDecorators: true,
    exceptionFactory: (errors) => new InvalidFields(errors.map(problemOf), status),
  });
}

function problemOf({ property, constraints = {}, value }: ValidationError): FieldProblem {
  if ('isDefined' in constraints && value === undefined) return { field: property, kind: 'missing' };
  if ('isString' in constraints) return { field: property, kind: 'not_a_string' };
  return { field: property, kind: 'invalid' };
}
