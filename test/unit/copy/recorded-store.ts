import { MemoryStore } from '../../../src/content/memory-store.js';
import type { ContentTarget, ManifestKey } from '../../../src/content/store.js';
import { runAllTags, type TagsOutcome } from '../../../src/copy/all-tags.js';
import type { CopyEvent } from '../../../src/copy/events.js';
import type { CopyJob, CopyTarget } from '../../../src/copy/job.js';
import type { Patience } from '../../../src/copy/patience.js';
import { runCopy, type CopyOutcome } from '../../../src/copy/run.js';
import type { TagsJob } from '../../../src/copy/tags-job.js';
import type { FixtureImage } from '../../support/fixtures.js';

/** A store that notes what it is asked, in the order in which it is asked. */
export interface RecordedStore extends ContentTarget {
  /** What is behind it. */
  readonly memory: MemoryStore;
  /** `method name`, as in `put layer-1`; `done put layer-1` once it has settled. */
  readonly calls: string[];
}

/** What a store does in place of the memory behind it; it may call that. */
export type Overrides = (memory: MemoryStore) => Partial<ContentTarget>;

/** Where a store says that it is. */
export interface Where {
  readonly host?: string;
  readonly repository?: string;
  readonly sibling?: (repository: string) => MemoryStore | undefined;
}

/** Names for digests in the notes, so that they can be read. */
export class Names {
  readonly #names = new Map<string, string>();

  /** Names the manifests and blobs of an image: `root`, `manifest-1`, `blob-1`… in their order, after a prefix. */
  image(image: FixtureImage, prefix = ''): void {
    for (const [at, digest] of [...image.blobs.keys(), ...image.foreign.keys()].entries()) {
      this.give(digest, `${prefix}blob-${at + 1}`);
    }
    for (const [at, { descriptor }] of image.manifests.entries()) {
      this.give(descriptor.digest, `${prefix}manifest-${at + 1}`);
    }
    this.#names.set(image.root.descriptor.digest, `${prefix}root`);
  }

  give(digest: string, name: string): void {
    if (!this.#names.has(digest)) this.#names.set(digest, name);
  }

  of(digest: string): string {
    return this.#names.get(digest) ?? digest;
  }

  ofKey(key: ManifestKey): string {
    return 'tag' in key ? `:${key.tag}` : this.of(key.digest);
  }
}

/** A memory store that notes what it is asked. */
export function recordedStore(
  names: Names,
  where: Where = {},
  overrides: Overrides = () => ({}),
): RecordedStore {
  const memory = new MemoryStore(where);
  const calls: string[] = [];
  const other = overrides(memory);
  async function noted<T>(call: string, work: () => Promise<T>): Promise<T> {
    calls.push(call);
    try {
      return await work();
    } finally {
      calls.push(`done ${call}`);
    }
  }
  return {
    memory,
    calls,
    place: { ...memory.place, kind: 'registry' },
    metered: other.metered ?? false,
    toString: () => `${memory.place.host}/${memory.place.repository}`,
    resolve: (key, op) =>
      noted(`resolve ${names.ofKey(key)}`, () => (other.resolve ?? memory.resolve.bind(memory))(key, op)),
    fetch: (key, op) =>
      noted(`fetch ${names.ofKey(key)}`, () => (other.fetch ?? memory.fetch.bind(memory))(key, op)),
    open: (blob, options) =>
      noted(`open ${names.of(blob.digest)}`, () => (other.open ?? memory.open.bind(memory))(blob, options)),
    tags: (op) => {
      calls.push('tags');
      return (other.tags ?? memory.tags.bind(memory))(op);
    },
    has: (blob, op) =>
      noted(`has ${names.of(blob.digest)}`, () => (other.has ?? memory.has.bind(memory))(blob, op)),
    put: (blob, open, options = {}) => {
      const from = options.mountFrom === undefined ? '' : ` from ${options.mountFrom}`;
      return noted(`put ${names.of(blob.digest)}${from}`, () =>
        (other.put ?? memory.put.bind(memory))(blob, open, options),
      );
    },
    putManifest: (manifest, options) =>
      noted(`putManifest ${names.of(manifest.descriptor.digest)}`, () =>
        (other.putManifest ?? memory.putManifest.bind(memory))(manifest, options),
      ),
    tag: (manifest, tag, op) =>
      noted(`tag ${tag}`, () => (other.tag ?? memory.tag.bind(memory))(manifest, tag, op)),
  };
}

/** What was asked, without the ends of it. */
export function started(store: RecordedStore): string[] {
  return store.calls.filter((call) => !call.startsWith('done '));
}

/** A reference to write. */
export function target(store: ContentTarget, tag?: string, more: Partial<CopyTarget> = {}): CopyTarget {
  return { store, tag, reference: `${store.toString()}${tag === undefined ? '' : `:${tag}`}`, ...more };
}

/** A run of the engine whose waits take no time. */
export interface Run extends CopyOutcome {
  readonly events: CopyEvent[];
  /** Milliseconds of each wait for a read-back. */
  readonly sleeps: number[];
  /** The failures that each wait for a source was for. */
  readonly backoffs: number[];
}

/** What was told and waited for. */
type Told = Pick<Run, 'events' | 'sleeps' | 'backoffs'>;

/** Copies, as a job with these settings. */
export async function run(job: Pick<CopyJob, 'source' | 'targets'> & Partial<CopyJob>): Promise<Run> {
  const { told, settings } = atOnce();
  return { ...(await runCopy({ key: { tag: '1' }, ...settings, ...job })), ...told };
}

/** Copies tags, as a job with these settings: all of them, if it does not say which. */
export async function runTags(
  job: Pick<TagsJob, 'source' | 'targets'> & Partial<TagsJob>,
): Promise<TagsOutcome & Told> {
  const { told, settings } = atOnce();
  return { ...(await runAllTags({ selects: () => true, ...settings, ...job })), ...told };
}

/** Settings of a job that waits for nothing, and notes what it tells. */
function atOnce(): { told: Told; settings: Omit<CopyJob, 'source' | 'targets' | 'key'> } {
  const events: CopyEvent[] = [];
  const sleeps: number[] = [];
  const backoffs: number[] = [];
  const settings: Omit<CopyJob, 'source' | 'targets' | 'key'> = {
    includeForeign: false,
    dryRun: false,
    concurrency: 4,
    resume: {
      retries: 4,
      backoff: (failures, signal) => {
        backoffs.push(failures);
        signal?.throwIfAborted();
        return Promise.resolve();
      },
    },
    signal: new AbortController().signal,
    emit: (event) => events.push(event),
    sleep: (ms, signal) => {
      sleeps.push(ms);
      signal.throwIfAborted();
      return Promise.resolve();
    },
  };
  return { told: { events, sleeps, backoffs }, settings };
}

/** A promise that a test settles. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

/** Lets everything go on that only waits for promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Patience that ends when a test says so. */
export interface Alarms extends Patience {
  /** Alarms that are set. */
  set(): number;
  /** Alarms that were ever set. */
  count(): number;
  /** Lets all that are set ring. */
  ring(): void;
}

/** Alarms that no clock rings. */
export function alarms(): Alarms {
  const set = new Set<() => void>();
  let count = 0;
  return {
    ms: 1_000,
    alarm: (_ms, ring) => {
      // each is one of its own, also where two ring the same
      const one = (): void => ring();
      set.add(one);
      count += 1;
      return () => set.delete(one);
    },
    set: () => set.size,
    count: () => count,
    ring: () => {
      for (const ring of [...set]) if (set.delete(ring)) ring();
    },
  };
}
