import type { RegferryEvent } from '../../copy/events.js';

/** A blob on its way. */
export interface ActiveBlob {
  readonly target: string;
  readonly digest: string;
  readonly size: number;
  /** Bytes handed over so far. */
  readonly bytes: number;
}

/** How far a copy is, over all its targets. */
export interface Standing {
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

/** Adds up the events of a copy. */
export class Tally {
  readonly #walked = new Map<string, Walked>();
  readonly #active = new Map<string, { target: string; digest: string; size: number; bytes: number }>();
  #doneBlobs = 0;
  #doneBytes = 0;
  #moved = 0;

  /** Takes in one event; those that say nothing about how far the copy is are ignored. */
  record(event: RegferryEvent): void {
    if (event.type === 'walked') this.#walked.set(event.target, event);
    else if (event.type === 'progress') this.#progress(event);
    else if (event.type === 'blob') this.#blob(event);
  }

  /** How far the copy is now. */
  standing(): Standing {
    const walked = [...this.#walked.values()];
    const active = [...this.#active.values()];
    const underway = active.reduce((sum, blob) => sum + Math.min(blob.bytes, blob.size), 0);
    const knownBlobs = walked.reduce((sum, target) => sum + target.blobs, 0);
    const knownBytes = walked.reduce((sum, target) => sum + target.bytes, 0);
    const doneBytes = this.#doneBytes + underway;
    return {
      blobs: { done: this.#doneBlobs, known: Math.max(knownBlobs, this.#doneBlobs) },
      bytes: { done: doneBytes, known: Math.max(knownBytes, doneBytes) },
      moved: this.#moved,
      complete: walked.length > 0 && walked.every((target) => target.complete),
      active,
    };
  }

  #progress(event: RegferryEvent & { type: 'progress' }): void {
    const blob = this.#active.get(keyOf(event));
    if (blob === undefined) return;
    this.#moved += Math.max(0, event.bytes - blob.bytes);
    blob.bytes = event.bytes;
  }

  #blob(event: RegferryEvent & { type: 'blob' }): void {
    const key = keyOf(event);
    if (event.state === 'started') {
      this.#active.set(key, { target: event.target, digest: event.digest, size: event.size, bytes: 0 });
      return;
    }
    const blob = this.#active.get(key);
    this.#active.delete(key);
    if (event.state === 'failed') return;
    if (event.state === 'copied') this.#moved += Math.max(0, event.size - (blob?.bytes ?? 0));
    this.#doneBlobs += 1;
    this.#doneBytes += event.size;
  }
}

function keyOf(event: { target: string; digest: string }): string {
  return `${event.target} ${event.digest}`;
}
