import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsInt, Max, Min, ValidateBy, type ValidationOptions, ValidateNested } from 'class-validator';
import { seconds } from './units.js';

/** A duration of at least `min` seconds, written as a number or with a unit (`30s`, `10m`, `72h`, `90d`). */
export function Duration(min = 0): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }) => seconds(value)),
    IsInt({ message: '$property must be a duration such as 30s, 10m, 72h or 90d' }),
    Min(min, { message: `$property must be at least ${min} seconds` }),
  );
}

/** A whole number within bounds. */
export function Whole(min: number, max = Number.MAX_SAFE_INTEGER): PropertyDecorator {
  return applyDecorators(IsInt(), Min(min), Max(max));
}

/** A nested section of the file; an absent one keeps its defaults, `null` and scalars are refused. */
export function Section(type: () => new () => object): PropertyDecorator {
  return applyDecorators(ValidateNested({ message: '$property must be a section with keys' }), Type(type));
}

/** An absolute http(s) URL without credentials, query or fragment. */
export function HttpUrl(options: ValidationOptions = {}): PropertyDecorator {
  return ValidateBy(
    {
      name: 'httpUrl',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && isPlainHttpUrl(value),
        defaultMessage: () => '$property must be an absolute http or https URL without credentials, query or fragment',
      },
    },
    options,
  );
}

/** A path on our own origin, such as `/oauth/consent`: no scheme, host, query or fragment. */
export function LocalPath(): PropertyDecorator {
  return ValidateBy({
    name: 'localPath',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && /^\/(?!\/)[A-Za-z0-9._~/-]*$/.test(value),
      defaultMessage: () => '$property must be a path that starts with one slash',
    },
  });
}

function isPlainHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === ''
  );
}
