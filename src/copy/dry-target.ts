import { ForwardingTarget } from '../content/forwarding.js';
import type { PutOptions, PutOutcome } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';

/** A target that answers questions from the real one and takes every write without doing it, for a dry run. */
export class DryTarget extends ForwardingTarget {
  /** A mount that finds out whether a blob is there would write: that is asked. */
  override get mountsOwn(): boolean {
    return false;
  }

  override put(_descriptor: Descriptor, _open: unknown, options: PutOptions = {}): Promise<PutOutcome> {
    return Promise.resolve(options.mountFrom === undefined ? 'copied' : 'mounted');
  }

  override putManifest(): Promise<void> {
    return Promise.resolve();
  }

  override tag(): Promise<void> {
    return Promise.resolve();
  }
}
