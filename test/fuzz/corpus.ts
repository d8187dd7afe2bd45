import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import fc from 'fast-check';

/** Runs of each property; `REGFERRY_FUZZ_RUNS` asks for more. */
export const fuzzRuns: number = Number(process.env['REGFERRY_FUZZ_RUNS'] ?? 200);

/** A file of the corpus. */
export interface Sample {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The samples of one kind: what servers answer, and what once broke a parser. Whatever fuzzing finds is put there. */
export function corpus(kind: string): readonly Sample[] {
  const folder = fileURLToPath(new URL(`../corpus/${kind}/`, import.meta.url));
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(folder + name) }));
}

/** Pieces that parsers have trouble with. */
const PIECES: readonly string[] = [
  '"',
  '\\',
  '\\"',
  ',',
  ';',
  '=',
  '<',
  '>',
  ' ',
  '\t',
  '\r\n',
  '\u0000',
  '\u001b[31m',
  '\u202e',
  '\uffff',
  '%00',
  '%2F',
  '..',
  '/',
  '//',
  '?',
  '#',
  '@',
  ':',
  '[',
  ']',
  '{',
  '}',
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '9007199254740993',
  '99999999999999999999',
  '"__proto__":',
  '"manifests":[]',
  'sha256:',
  'a'.repeat(300),
  '['.repeat(300),
];

interface Change {
  readonly kind: 'flip' | 'delete' | 'repeat' | 'insert' | 'truncate' | 'splice';
  readonly at: number;
  readonly length: number;
  readonly piece: string;
  readonly other: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('flip', 'delete', 'repeat', 'insert', 'truncate', 'splice'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 40 }),
  piece: fc.constantFrom(...PIECES),
  other: fc.nat(),
});

/** Samples of a kind with some bytes changed: nearly right is what gets deepest into a parser. */
export function mutated(samples: readonly Sample[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.nat({ max: samples.length - 1 }), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([which, changes]) => {
      let bytes = samples[which]?.bytes ?? Buffer.alloc(0);
      for (const one of changes) bytes = changed(bytes, one, samples);
      return bytes;
    });
}

function changed(
  bytes: Buffer,
  { kind, at, length, piece, other }: Change,
  samples: readonly Sample[],
): Buffer {
  const start = Math.floor(at * bytes.length);
  const before = bytes.subarray(0, start);
  const after = bytes.subarray(start);
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (start < copy.length) copy[start] = (copy[start] ?? 0) ^ (1 << (length % 8));
      return copy;
    }
    case 'delete':
      return Buffer.concat([before, after.subarray(length)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, length), after]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(piece), after]);
    case 'truncate':
      return before;
    case 'splice': {
      const donor = samples[other % samples.length]?.bytes ?? Buffer.alloc(0);
      return Buffer.concat([before, donor.subarray(Math.floor(at * donor.length))]);
    }
  }
}
