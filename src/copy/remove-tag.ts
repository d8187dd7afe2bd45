import type { ContentTarget } from '../content/store.js';
import { RegferryError, withSide } from '../errors.js';
import { READ_BACK_WAITS_MS } from './prove.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import { sentWrite } from './sent-write.js';
import { lookUp } from './tag-state.js';

/** A tag to look at, and what looking takes. */
export interface LookedAt {
  readonly store: ContentTarget;
  readonly tag: string;
  /** How it is printed. */
  readonly reference: string;
  readonly signal: AbortSignal;
}

/** A tag that is to go, if it still is what it was set to. */
export interface Removal extends LookedAt {
  /** What it has to be, or it stays (E_GUARD). */
  readonly digest: string;
  /** Only look. */
  readonly dryRun: boolean;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Deletes a tag by its name, and looks whether it is gone; one that is absent already is done. Never rejects for what can
 * go wrong with a registry: the report says what did.
 */
export async function removeTag(removal: Removal): Promise<TargetReport> {
  const report = emptyTargetReport(removal.reference);
  try {
    const now = await look(removal);
    report.previous = now;
    report.deleted = true;
    if (now === null) report.verified = 'header';
    else await remove(removal, now, report);
  } catch (error) {
    report.error = withSide(error, 'target', removal.signal);
    if (!report.changed) delete report.deleted;
    if (!report.changed && report.unsure !== true) report.left = true;
  }
  return report;
}

/** A tag that was absent before, and is to be left, whatever it is now. */
export interface LeftTag extends LookedAt {
  /** What it was set to; null where it was deleted. */
  readonly digest: string | null;
}

/** Tells what a tag is that is left. Never rejects for what can go wrong with a registry: the report says what did. */
export async function lookAtLeft(left: LeftTag): Promise<TargetReport> {
  const report = emptyTargetReport(left.reference);
  try {
    const now = await look(left);
    report.previous = now;
    if (now === null) return { ...report, deleted: true };
    if (now !== left.digest) report.movedSince = true;
  } catch (error) {
    report.error = withSide(error, 'target', left.signal);
  }
  return { ...report, left: true };
}

async function remove(removal: Removal, now: string, report: TargetReport): Promise<void> {
  const { store, tag, reference, digest, dryRun, signal } = removal;
  if (now !== digest) {
    const message = `${reference} has to be ${digest}, but is ${now}; it was left so`;
    throw new RegferryError('E_GUARD', message, { side: 'target' });
  }
  if (!dryRun) {
    await sentWrite(report, async () => {
      if (store.untag === undefined)
        throw new RegferryError('E_UNSUPPORTED', `${reference} cannot be deleted`);
      await store.untag(tag, { signal });
    });
  }
  report.changed = true;
  if (!dryRun) await proveGone(removal);
}

/** What the tag is, null for absent. Throws where that cannot be found out. */
async function look({ store, tag, reference, signal }: LookedAt): Promise<string | null> {
  const state = await lookUp(store, { tag }, { signal }, 'proved');
  if (state.error !== undefined) throw state.error;
  if (state.previous === undefined) {
    throw state.unknown ?? new RegferryError('E_GUARD', `what ${reference} is now cannot be seen`);
  }
  return state.previous;
}

async function proveGone(removal: Removal): Promise<void> {
  const { reference, digest, signal, sleep } = removal;
  for (const wait of [...READ_BACK_WAITS_MS, undefined]) {
    const now = await look(removal);
    if (now === null) return;
    if (now !== digest) {
      const message = `${reference} was deleted, but is ${now}: someone else set the tag meanwhile`;
      throw new RegferryError('E_TAG_MOVED', message, { side: 'target' });
    }
    if (wait !== undefined) await sleep(wait, signal);
  }
  const message = `${reference} was deleted, and that was accepted, but 8 s later it is there as before`;
  throw new RegferryError('E_READ_BACK', message, { side: 'target', digest });
}
