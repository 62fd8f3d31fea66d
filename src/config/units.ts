const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Reads a duration (`30`, `30s`, `10m`, `72h`, `90d`) as seconds; anything else comes back unchanged for the validator to name. */
export function seconds(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const match = /^(\d+)(s|m|h|d)?$/.exec(value);
  return match ? Number(match[1]) * (SECONDS[match[2] ?? 's'] ?? 1) : value;
}
