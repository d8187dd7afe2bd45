import { timingSafeEqual } from 'node:crypto';

/** Lowest and highest cost that bcrypt knows: the key setup is repeated two to the power of it. */
const lowestCost = 4;
const highestCost = 31;

const form = /^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

/** A salt for hashes that are made for the time that they take. */
const idleSalt = 'CCCCCCCCCCCCCCCCCCCCC.';

/** A bcrypt hash, taken apart. */
export interface BcryptHash {
  /** Two to the power of this is how often the key setup is repeated: each step doubles the time of a check. */
  readonly cost: number;
  /** Version, cost and salt as text, `$2y$10$` and 22 characters: what a password is hashed with to compare it. */
  readonly salt: string;
  /** The hash itself, 31 characters. */
  readonly hash: string;
}

/** Takes apart `$2y$10$…` (or 2a, 2b, which mean the same). Undefined for anything else. */
export function parseBcrypt(text: string): BcryptHash | undefined {
  const [, salt = '', digits = '', hash = ''] = form.exec(text) ?? [];
  const cost = Number(digits);
  return cost < lowestCost || cost > highestCost ? undefined : { cost, salt, hash };
}

/** True when a whole hash, as bcrypt gives it, ends with the same characters as this one; in constant time. */
export function isSameHash(made: string, { hash }: BcryptHash): boolean {
  const end = Buffer.from(made.slice(-hash.length));
  const wanted = Buffer.from(hash);
  return end.length === wanted.length && timingSafeEqual(end, wanted);
}

/**
 * The salts that make a check at `cost` as long as one at `highest`: each step takes as long as all before it together.
 * Without `cost` there was no check, and the one salt that there is takes all of the time.
 */
export function idleSalts(cost: number | undefined, highest: number): readonly string[] {
  if (cost === undefined) return [idleSaltOf(highest)];
  return Array.from({ length: Math.max(0, highest - cost) }, (_, step) => idleSaltOf(cost + step));
}

function idleSaltOf(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${idleSalt}`;
}
