import type { RegferryEvent } from '../../copy/events.js';

/** A blob on its way. */
export interface ActiveBlob {
  readonly target: string;
  readonly digest: string;
  readonly size: number;
  /** Bytes handed over so far. */
  readonly bytes: number;
}

/** How far a copy to one target repository is. */
export interface Standing {
  /** Printed name of the repository. */
  readonly target: string;
  readonly blobs: { readonly done: number; readonly known: number };
  readonly bytes: { readonly done: number; readonly known: number };
  /** Bytes that moved, counted again where a blob had to start over: the measure of speed. */
  readonly moved: number;
  /** False while more blobs may become known. */
  readonly complete: boolean;
  /** Blobs on their way, in the order in which they started. */
  readonly active: readonly ActiveBlob[];
}

interface Walked {
  readonly blobs: number;
  readonly bytes: number;
  readonly complete: boolean;
}

/** What one target repository is told to have got. */
class TargetTally {
  readonly target: string;
  #walked: Walked | undefined;
  readonly #active = new Map<string, { target: string; digest: string; size: number; bytes: number }>();
  #doneBlobs = 0;
  #doneBytes = 0;
  #moved = 0;

  constructor(target: string) {
    this.target = target;
  }

  walked(event: Walked): void {
    this.#walked = event;
  }

  progress({ digest, bytes }: RegferryEvent & { type: 'progress' }): void {
    const blob = this.#active.get(digest);
    if (blob === undefined) return;
    this.#moved += Math.max(0, bytes - blob.bytes);
    blob.bytes = bytes;
  }

  blob({ state, digest, size }: RegferryEvent & { type: 'blob' }): void {
    if (state === 'started') {
      this.#active.set(digest, { target: this.target, digest, size, bytes: 0 });
      return;
    }
    const blob = this.#active.get(digest);
    this.#active.delete(digest);
    if (state === 'failed') return;
    if (state === 'copied') this.#moved += Math.max(0, size - (blob?.bytes ?? 0));
    this.#doneBlobs += 1;
    this.#doneBytes += size;
  }

  standing(): Standing {
    const active = [...this.#active.values()];
    const doneBytes =
      this.#doneBytes + active.reduce((sum, blob) => sum + Math.min(blob.bytes, blob.size), 0);
    return {
      target: this.target,
      blobs: { done: this.#doneBlobs, known: Math.max(this.#walked?.blobs ?? 0, this.#doneBlobs) },
      bytes: { done: doneBytes, known: Math.max(this.#walked?.bytes ?? 0, doneBytes) },
      moved: this.#moved,
      complete: this.#walked?.complete ?? false,
      active,
    };
  }
}

/** Adds up the events of a copy, target by target. */
export class Tally {
  readonly #targets = new Map<string, TargetTally>();

  /** Takes in one event; those that say nothing about how far the copy is are ignored. */
  record(event: RegferryEvent): void {
    if (event.type === 'walked') this.#of(event.target).walked(event);
    else if (event.type === 'progress') this.#of(event.target).progress(event);
    else if (event.type === 'blob') this.#of(event.target).blob(event);
  }

  /** How far the copy is now at each target that was heard of, in the order in which they were. */
  standings(): Standing[] {
    return [...this.#targets.values()].map((target) => target.standing());
  }

  #of(target: string): TargetTally {
    let known = this.#targets.get(target);
    if (known === undefined) this.#targets.set(target, (known = new TargetTally(target)));
    return known;
  }
}
