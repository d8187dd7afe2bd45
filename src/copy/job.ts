import type { Certainty, ContentSource, ContentTarget, ManifestKey } from '../content/store.js';
import type { Digest } from '../spec/digest.js';
import type { Platform } from '../spec/platform.js';
import type { CopyEvent } from './events.js';
import type { Patience } from './patience.js';
import type { TargetReport } from './report.js';
import type { ResumePolicy } from '../graph/resuming.js';

/** What a tag has to be now, or nothing is written anywhere (E_GUARD). */
export interface TargetGuard {
  /** Exactly this digest, or absent (null). */
  readonly is?: Digest | null | undefined;
  /** With `is`: what the tag is to become will do, too, so that work that was cut short can be done again. @default false */
  readonly orDone?: boolean | undefined;
  /** Absent, or what it is to become anyway. */
  readonly noClobber?: boolean | undefined;
}

/** What the source has to be, or nothing is written anywhere (E_GUARD). */
export interface SourceGuard {
  /** The digest of what would be copied. */
  readonly digest?: Digest | undefined;
  /** Platforms that it has to hold. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Throws what else keeps an image of this digest from being copied. */
  readonly check?: ((digest: Digest) => void) | undefined;
}

/** One reference to write: a repository, and the tag in it; without a tag the image is pushed by digest alone. */
export interface CopyTarget {
  readonly store: ContentTarget;
  readonly tag?: string | undefined;
  /** What the root's digest must be, or nothing is written (E_GUARD). */
  readonly expect?: Digest | undefined;
  readonly guard?: TargetGuard | undefined;
  /** Known to be absent, so that it need not be asked for: this tag, or every tag of the repository. */
  readonly absent?: 'tag' | 'repository' | undefined;
  /** How the reference is printed. */
  readonly reference: string;
}

/** Everything that one run of the engine needs. */
export interface CopyJob {
  readonly source: ContentSource;
  readonly key: ManifestKey;
  readonly targets: readonly CopyTarget[];
  /** The targets likely have it, so that a HEAD goes before the GET, as it does where GETs are metered. @default false */
  readonly headFirst?: boolean | undefined;
  /** Copy only this platform's manifest out of an index; a lone manifest must be of it. */
  readonly platform?: Platform | undefined;
  /** Copy the blobs of non-distributable layers too. */
  readonly includeForeign: boolean;
  readonly sourceGuard?: SourceGuard | undefined;
  /** Move no tag before all content is everywhere, and none at all if anything failed until then. @default false */
  readonly allOrNothing?: boolean | undefined;
  /** Ask everything, write nothing. */
  readonly dryRun: boolean;
  /** Transfers at a time at each host. */
  readonly concurrency: number;
  readonly resume: ResumePolicy;
  /** How long targets that share a read wait for one that stalls. @default 15 s */
  readonly patience?: Patience | undefined;
  /** Told when all is done for a target, while there may be work for others. Not with guards. */
  readonly onEnd?: ((target: CopyTarget, report: TargetReport) => void) | undefined;
  readonly signal: AbortSignal;
  readonly emit: (event: CopyEvent) => void;
  /** Waits, for the read-back of a slow registry. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** True for a job in which a condition decides whether anything may be written at all. */
export function isGuarded(job: CopyJob): boolean {
  return (
    job.allOrNothing === true ||
    job.sourceGuard !== undefined ||
    job.targets.some(({ expect, guard }) => expect !== undefined || guard !== undefined)
  );
}

/**
 * How sure a job has to be of what its tags are. What a plan, a promotion or a guard goes by has to be proved. Else it is
 * only told, and a registry's own word for "absent" is taken, which saves every new copy a request.
 */
export function certaintyOf(job: CopyJob): Certainty {
  return isGuarded(job) || job.dryRun ? 'proved' : 'likely';
}
