import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDefined, IsString, ValidateBy, ValidateIf } from 'class-validator';

interface TextOptions {
  /** Sentence and example for the OpenAPI document. */
  description: string;
  example?: string;
  required?: boolean;
  /** In UTF-16 units; longer values are invalid. */
  max?: number;
  /** Trimmed and lower-cased (ASCII), as identifiers, e-mail addresses and user names are (contract.md §0.3). */
  folded?: boolean;
  /** Control characters are kept in passwords, `state` and prose, and refused everywhere else (contract.md §0.3). */
  prose?: boolean;
}

/** A string parameter: type, length and characters checked, described in the OpenAPI document. */
export function Text({
  description,
  example,
  required = false,
  max = 2000,
  folded = false,
  prose = false,
}: TextOptions): PropertyDecorator {
  const property: ApiPropertyOptions = {
    type: String,
    description,
    required,
    maxLength: max,
    ...(example !== undefined && { example }),
  };
  return applyDecorators(
    ApiProperty(property),
    required ? IsDefined() : ValidateIf((_, value) => value !== undefined),
    IsString(),
    Fits(max, prose),
    ...(folded ? [Transform(({ value }) => fold(value))] : []),
  );
}

const TRUE = new Set<unknown>([true, 1, 'true', '1', 'on']);
const FALSE = new Set<unknown>([false, 0, 'false', '0', 'off']);

/** A boolean parameter, in any of the spellings of contract.md §0.3. */
export function Flag({
  description,
  required = false,
}: {
  description: string;
  required?: boolean;
}): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: Boolean, description, required }),
    required ? IsDefined() : ValidateIf((_, value) => value !== undefined),
    Transform(({ value }) => (TRUE.has(value) ? true : FALSE.has(value) ? false : value)),
    ValidateBy({ name: 'flag', validator: { validate: (value: unknown) => typeof value === 'boolean' } }),
  );
}

/** A whole number from 0 on, as a JSON number or in digits. */
export function WholeNumber({ description, most }: { description: string; most: number }): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ type: Number, minimum: 0, maximum: most, description, required: false }),
    ValidateIf((_, value) => value !== undefined),
    Transform(({ value }) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value)),
    ValidateBy({
      name: 'wholeNumber',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most,
      },
    }),
  );
}

/** A parameter that is a string or a list of strings. */
export function TextOrList({
  description,
  example,
  required = false,
}: {
  description: string;
  example?: string | string[];
  required?: boolean;
}): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description,
      required,
      ...(example !== undefined && { example }),
    }),
    required ? IsDefined() : ValidateIf((_, value) => value !== undefined),
    ValidateBy({
      name: 'isString',
      validator: { validate: (value: unknown) => [value].flat().every((item) => typeof item === 'string') },
    }),
  );
}

/** Trims and lower-cases ASCII letters only: other letters compare as sent (contract.md §0.3). */
export function fold(value: unknown): unknown {
  return typeof value === 'string' ? value.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : value;
}

function Fits(max: number, prose: boolean): PropertyDecorator {
  return ValidateBy({
    name: 'fits',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && value.length <= max && (prose || !/\p{Cc}/u.test(value)),
    },
  });
}
