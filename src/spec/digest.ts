import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';

import { RegferryError } from '../errors.js';
import { printable } from './printable.js';

/** The algorithms that can be verified. https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#registered-algorithms */
export type Algorithm = 'sha256' | 'sha512';

declare const parsed: unique symbol;

/** A digest that passed {@link parseDigest}: safe in a URL, a file path and a log line. */
export type Digest = `${Algorithm}:${string}` & { readonly [parsed]: true };

const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;
const VERIFIABLE = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** True for a digest that {@link parseDigest} would return. */
export function isDigest(text: string): text is Digest {
  return VERIFIABLE.test(text);
}

/**
 * Parses `algorithm:encoded`. Only sha256 and sha512 with lower-case hex pass.
 * Throws E_REFERENCE for a malformed digest, E_ALGORITHM for a well-formed one of another algorithm.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const shown = printable(text, 160);
  // Longer than any registered digest: not worth a look by the grammar.
  if (text.length > 512 || !GRAMMAR.test(text)) {
    throw new RegferryError('E_REFERENCE', `"${shown}" is not a digest: expected sha256: and 64 hex digits`);
  }
  const algorithm = text.slice(0, text.indexOf(':'));
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    const message = `the digest "${shown}" uses ${printable(algorithm, 40)}: only sha256 and sha512 can be verified`;
    throw new RegferryError('E_ALGORITHM', message);
  }
  const digits = algorithm === 'sha256' ? 64 : 128;
  const message = `"${shown}" is not a digest: ${algorithm} has ${digits} hex digits, in lower case`;
  throw new RegferryError('E_REFERENCE', message);
}

/** The algorithm that a digest names. */
export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hex digits of a digest. */
export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of bytes that are at hand. */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
}

/** A running hash over bytes as they pass. */
export interface Digester {
  /** Adds bytes. */
  update(bytes: Uint8Array): void;
  /** An independent running hash that has seen the same bytes, to go back to when a transfer resumes. */
  copy(): Digester;
  /** The digest of the bytes so far. May be asked more than once, and more bytes may follow. */
  digest(): Digest;
}

/** A running hash that has seen no bytes yet. */
export function createDigester(algorithm: Algorithm): Digester {
  return digesterOver(createHash(algorithm), algorithm);
}

function digesterOver(hash: Hash, algorithm: Algorithm): Digester {
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    copy: () => digesterOver(hash.copy(), algorithm),
    // A node hash is spent once it was asked; its copy is asked instead.
    digest: () => parseDigest(`${algorithm}:${hash.copy().digest('hex')}`),
  };
}
