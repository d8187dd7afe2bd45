const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longest time that a timer can wait: 2^31 - 1 ms, nearly 25 days. */
const LONGEST_MS = 2_147_483_647;

/**
 * Milliseconds of `30s`, `5m`, `1h30m`, `250ms`, or a plain number of seconds.
 * Undefined for anything else, for zero, and for more than a timer can wait (24 days).
 */
export function parseDuration(text: string): number | undefined {
  const plain = /^\d+(?:\.\d+)?$/.exec(text) !== null;
  if (!plain && !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  const parts = plain ? [{ amount: text, unit: 's' }] : durationParts(text);
  const total = parts.reduce(
    (sum, part) => sum + Number(part.amount) * (DURATION_UNITS[part.unit] ?? NaN),
    0,
  );
  const ms = Math.round(total);
  return ms >= 1 && ms <= LONGEST_MS ? ms : undefined;
}

function durationParts(text: string): { amount: string; unit: string }[] {
  return Array.from(text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g), (match) => ({
    amount: match[1] ?? '',
    unit: match[2] ?? '',
  }));
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
};

/**
 * Bytes of `1000000`, `64M`, `16MiB` (both binary, as in GNU tools), `64MB` (decimal), K and G likewise; upper and
 * lower case are the same. Undefined for anything else, for zero, fractions of a byte, and beyond exact integers.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text.toLowerCase());
  const bytes = Number(match?.[1] ?? NaN) * (SIZE_UNITS[match?.[2] ?? ''] ?? NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** A whole number in plain decimal digits, from `least` to `most`; undefined for anything else. */
export function parseCount(text: string, least: number, most: number): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const count = Number(text);
  return count >= least && count <= most ? count : undefined;
}
