import { isDigest } from '../spec/digest.js';
import type { Digest } from '../spec/digest.js';
import { parseRepositoryPath } from '../spec/reference.js';
import { Refusal } from './refusal.js';

/** A digest out of a path or a query. Throws a 400 for anything but sha256 and sha512 in lower-case hex. */
export function digestParameter(text: string | null): Digest {
  if (text !== null && isDigest(text)) return text;
  throw new Refusal(400, 'DIGEST_INVALID', 'a digest is sha256: or sha512: and lower-case hex digits');
}

/** True for a name that a repository can have. */
export function isRepositoryName(text: string): boolean {
  try {
    return parseRepositoryPath(text) === text;
  } catch {
    return false;
  }
}
