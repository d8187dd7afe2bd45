import { isRegferryError } from '../errors.js';

/** How often a blob that arrived corrupt is fetched again before it is given up. */
const REFETCHES = 2;

/**
 * Runs `attempt`, which reads a blob from its first byte and checks it, and runs it again while what arrives is not the
 * blob: a wrong byte on the way is an accident, one at the source comes back every time. The last error is thrown.
 */
export async function refetching<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let refetches = 0; ; refetches += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCorrupt(error) || refetches === REFETCHES || signal?.aborted === true) throw error;
    }
  }
}

/** True for bytes that are not what their descriptor says. */
export function isCorrupt(error: unknown): boolean {
  return isRegferryError(error) && (error.code === 'E_DIGEST_MISMATCH' || error.code === 'E_SIZE_MISMATCH');
}
