const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES: Record<string, number> = { B: 1, KB: 1000, MB: 1_000_000, GB: 1_000_000_000 };

/** Reads a duration (`30`, `30s`, `10m`, `72h`, `90d`) as seconds; anything else comes back unchanged for the validator to name. */
export function seconds(value: unknown): unknown {
  return readUnit(value, /^(\d+)(s|m|h|d)$/, SECONDS);
}

/** Reads a size (`1024`, `64KB`, `20MB`, decimal) as bytes; anything else comes back unchanged for the validator to name. */
export function bytes(value: unknown): unknown {
  return readUnit(value, /^(\d+)(B|KB|MB|GB)$/, BYTES);
}

function readUnit(value: unknown, pattern: RegExp, units: Record<string, number>): unknown {
  if (typeof value !== 'string') return value;
  if (/^\d+$/.test(value)) return Number(value);
  const match = pattern.exec(value);
  const factor = units[match?.[2] ?? ''];
  return match && factor ? Number(match[1]) * factor : value;
}
