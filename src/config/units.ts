const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

const BYTES: Record<string, number> = { B: 1, KB: 1000, MB: 1_000_000, GB: 1_000_000_000 };

/** Reads a size (`20000000`, `64KB`, `20MB`; decimal) as bytes; anything else comes back unchanged for the validator to name. */
export function bytes(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const match = /^(\d+)(B|KB|MB|GB)?$/i.exec(value);
  return match ? Number(match[1]) * (BYTES[(match[2] ?? 'B').toUpperCase()] ?? 1) : value;
}

/** Reads a duration (`30`, `30s`, `10m`, `72h`, `90d`) as seconds; anything else comes back unchanged for the validator to name. */
export function seconds(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const match = /^(\d+)(s|m|h|d)?$/.exec(value);
  return match ? Number(match[1]) * (SECONDS[match[2] ?? 's'] ?? 1) : value;
}
