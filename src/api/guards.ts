import type { SourceGuard, TargetGuard } from '../copy/job.js';
import { parseDigest } from '../spec/digest.js';
import { parsePlatform } from '../spec/platform.js';

/**
 * Conditions for writing. All of them are looked at before anything is written anywhere; where one does not hold, nothing
 * is written at all (E_GUARD). A tag that cannot be looked at fails as such, and is never taken for absent.
 */
export interface Guards {
  /** The digest that the source has to be. */
  readonly expect?: string | undefined;
  /** What each tag has to be now, even if it is the source's digest already: a digest, or `absent`. */
  readonly ifTarget?: string | undefined;
  /** Write only tags that are absent; one that is the source's digest already is fine. @default false */
  readonly noClobber?: boolean | undefined;
  /** Platforms that the source has to hold, `os/architecture[/variant]`; each by itself. */
  readonly requirePlatforms?: readonly string[] | undefined;
}

/** Guards as the engine knows them. */
export interface ParsedGuards {
  readonly source: SourceGuard | undefined;
  readonly target: TargetGuard | undefined;
}

/** Reads guards. Throws E_REFERENCE or E_ALGORITHM for what is no digest, E_USAGE for what is no platform. */
export function parseGuards(guards: Guards = {}): ParsedGuards {
  const { expect, ifTarget, noClobber, requirePlatforms = [] } = guards;
  const digest = expect === undefined ? undefined : parseDigest(expect);
  const platforms = requirePlatforms.map(parsePlatform);
  const is = ifTarget === undefined ? undefined : ifTarget === 'absent' ? null : parseDigest(ifTarget);
  return {
    source: digest === undefined && platforms.length === 0 ? undefined : { digest, platforms },
    target: is === undefined && noClobber !== true ? undefined : { is, noClobber },
  };
}
