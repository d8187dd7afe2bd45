import type { ContentTarget } from '../content/store.js';
import type { BlobLedger } from './blob-ledger.js';
import type { FanOut } from './fan-out.js';
import type { Inspection } from './inspection.js';
import type { CopyJob } from './job.js';
import type { Lanes } from './lanes.js';
import type { RepositoryMemory } from './repository-memory.js';
import type { ManifestReader } from '../graph/manifest-reader.js';

/** What all repositories share that one image is copied to. */
export interface Shared {
  readonly job: CopyJob;
  readonly reader: ManifestReader;
  readonly ledger: BlobLedger;
  readonly fanOut: FanOut;
  /** The work is other images' work too: what fails of it stops nothing else. @default false */
  readonly keepGoing?: boolean | undefined;
}

/** Which repository an image is brought to. */
export interface Destination {
  readonly target: ContentTarget;
  readonly lanes: Lanes;
  readonly memory: RepositoryMemory;
  readonly inspection: Inspection;
  /** The repository is likely empty, so that its uploads are opened at once and children read while it is asked. */
  readonly fresh: boolean;
}
