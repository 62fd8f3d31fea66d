import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsArray, IsInt, Max, Min, ValidateBy, type ValidationOptions, ValidateNested } from 'class-validator';
import { bytes, seconds } from './units.js';

/** A duration of at least `min` seconds, written as a number or with a unit (`30s`, `10m`, `72h`, `90d`). */
export function Duration(min = 0): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }) => seconds(value)),
    IsInt({ message: '$property must be a duration such as 30s, 10m, 72h or 90d' }),
    Min(min, { message: `$property must be at least ${min} seconds` }),
  );
}

/** A size in bytes, written as a number or with a unit (`64KB`, `20MB`). */
export function Size(min: number, max: number): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }) => bytes(value)),
    IsInt({ message: '$property must be a size such as 64KB or 20MB' }),
    Min(min, { message: `$property must be at least ${min} bytes` }),
    Max(max, { message: `$property must be at most ${max} bytes` }),
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

/** A list of sections. */
export function Sections(type: () => new () => object): PropertyDecorator {
  return applyDecorators(
    IsArray(),
    ValidateNested({ each: true, message: '$property must be a list of sections with keys' }),
    Type(type),
  );
}

/** Claims by name, each with the list of values that count. */
export function ClaimRules(): PropertyDecorator {
  return ValidateBy({
    name: 'claimRules',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every(
          (values) => Array.isArray(values) && values.length > 0 && values.every((item) => typeof item === 'string'),
        ),
      defaultMessage: () => '$property must name claims, each with a list of at least one text',
    },
  });
}

/** The identifier of an OpenID provider: https, or plain http on loopback (contract.md §1). */
export function IssuerUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'issuerUrl',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && isPlainHttpUrl(value) && (value.startsWith('https:') || isLoopbackUrl(value)),
      defaultMessage: () =>
        '$property must be an https URL without credentials, query or fragment; http on loopback only',
    },
  });
}

/** Whether a URL names this very machine, whatever its resolver says. */
export function isLoopbackUrl(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(URL.parse(url)?.hostname ?? '');
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
