import type { Readable } from 'node:stream';

import type { Descriptor } from '../spec/descriptor.js';
import type {
  ContentSource,
  ContentTarget,
  Inspector,
  Manifest,
  ManifestKey,
  Op,
  OpenBlob,
  OpenOptions,
  Place,
  PutManifestOptions,
  PutOptions,
  PutOutcome,
  ResolveOptions,
  TagsOptions,
} from './store.js';

/**
 * A store in front of another, which it is the same place as: whatever it is asked it asks that, optional parts included.
 * One that does something else in between says what, and forgets nothing.
 */
export class ForwardingSource<Store extends ContentSource = ContentSource> implements ContentSource {
  readonly behind: Store;

  constructor(behind: Store) {
    this.behind = behind;
  }

  get place(): Place {
    return this.behind.place;
  }

  get metered(): boolean {
    return this.behind.metered;
  }

  get inspector(): Inspector | undefined {
    return this.behind.inspector;
  }

  toString(): string {
    return this.behind.toString();
  }

  prepare(requests: number, op?: Op): void {
    this.behind.prepare?.(requests, op);
  }

  resolve(key: ManifestKey, options?: ResolveOptions): Promise<Descriptor | undefined> {
    return this.behind.resolve(key, options);
  }

  fetch(key: ManifestKey, op?: Op): Promise<Manifest> {
    return this.behind.fetch(key, op);
  }

  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return this.behind.open(descriptor, options);
  }

  tags(options?: TagsOptions): AsyncIterable<string> {
    return this.behind.tags(options);
  }
}

/** The same for a target. */
export class ForwardingTarget extends ForwardingSource<ContentTarget> implements ContentTarget {
  get mountsOwn(): boolean {
    return this.behind.mountsOwn ?? false;
  }

  get doubtsMounts(): boolean {
    return this.behind.doubtsMounts ?? false;
  }

  /** Absent where the store behind can remove no tag. */
  get untag(): ContentTarget['untag'] {
    const { behind } = this;
    if (behind.untag === undefined) return undefined;
    return (tag, op) => behind.untag?.(tag, op) ?? Promise.resolve();
  }

  doubtMounts(): void {
    this.behind.doubtMounts?.();
  }

  has(descriptor: Descriptor, op?: Op): Promise<boolean> {
    return this.behind.has(descriptor, op);
  }

  put(descriptor: Descriptor, open: OpenBlob, options?: PutOptions): Promise<PutOutcome> {
    return this.behind.put(descriptor, open, options);
  }

  putManifest(manifest: Manifest, options?: PutManifestOptions): Promise<void> {
    return this.behind.putManifest(manifest, options);
  }

  tag(manifest: Manifest, tag: string, op?: Op): Promise<void> {
    return this.behind.tag(manifest, tag, op);
  }
}
