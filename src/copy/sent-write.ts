import { isRegferryError, type ErrorCode } from '../errors.js';
import type { TargetReport } from './report.js';

/** How a write may end that the registry has done all the same, or has done in another way. */
const OPEN_ENDS: readonly ErrorCode[] = [
  'E_NETWORK',
  'E_CUT',
  'E_TIMEOUT',
  'E_UNAVAILABLE',
  'E_ABORTED',
  'E_READ_BACK',
];

/**
 * Runs the write of a tag, and notes in its report where it failed in a way that leaves open what the tag is now: whoever
 * wants to undo it later has to know what it was.
 */
export async function sentWrite(report: TargetReport, write: () => Promise<void>): Promise<void> {
  try {
    await write();
    delete report.unsure;
  } catch (error) {
    if (!isRegferryError(error) || OPEN_ENDS.includes(error.code)) report.unsure = true;
    throw error;
  }
}
