/** Bits that rounding may spoil at the end of the computation. */
const guardBits = 64n;

/**
 * The first binary digits of the fraction of pi, as 32-bit words: what Blowfish starts from. By Machin's formula,
 * pi = 16 arctan(1/5) - 4 arctan(1/239), in fixed point; a thousand words take some milliseconds.
 */
export function fractionOfPi(words: number): Int32Array {
  const bits = BigInt(words) * 32n;
  const one = 1n << (bits + guardBits);
  const pi = (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> guardBits;
  const digits = (pi - (3n << bits)).toString(16).padStart(words * 8, '0');
  return Int32Array.from({ length: words }, (_, at) => Number.parseInt(digits.slice(at * 8, at * 8 + 8), 16));
}

/** 1/x - 1/3x³ + 1/5x⁵ - … as a multiple of `one`. */
function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= x * x;
    sum += (sign * power) / n;
  }
  return sum;
}
