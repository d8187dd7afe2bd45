import type { Readable } from 'node:stream';

import type { OpenBlob, PutOptions } from '../content/store.js';
import { BlobVerifier } from '../content/verify.js';
import { RegferryError } from '../errors.js';
import type { RequestBody } from '../http/message.js';
import type { Descriptor } from '../spec/descriptor.js';
import { VerifiedReader } from './verified-reader.js';

/** The type of every upload's body. */
export const OCTETS = 'application/octet-stream';

/** Some bytes of a blob as the body of a request. */
export interface Stretch extends RequestBody {
  /** The same without its first `bytes` bytes, which are read and hashed all the same. */
  after(bytes: number): Stretch;
}

/**
 * The bytes of one blob on their way into one upload session. They are read once if all goes well; where a body has to be
 * sent again (a 401, a redirect, a chunk that broke off) the blob is opened again at the byte where that body starts, with
 * the hash of what came before it.
 */
export class UploadSource {
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlob;
  readonly #options: PutOptions;
  #opening: Promise<Readable> | undefined;
  /** Ends the opening that is under way. */
  #end = new AbortController();
  #stream: Readable | undefined;
  #reader: VerifiedReader | undefined;
  /** How far the last one had come, where it was closed. */
  #reached = 0;
  /** Set when the bytes themselves were the trouble: they could not be read, or were not the descriptor's. */
  failure: { readonly error: unknown } | undefined;

  constructor(descriptor: Descriptor, open: OpenBlob, options: PutOptions) {
    this.#descriptor = descriptor;
    this.#open = open;
    this.#options = options;
  }

  /** Bytes given out so far, from the start of the blob. */
  get position(): number {
    return this.#reader?.position ?? this.#reached;
  }

  /** Asks for the first byte without waiting for it; a failure shows when the bytes are wanted. */
  start(): void {
    this.#opening = this.#openAt(0);
    this.#opening.catch(() => undefined);
  }

  /**
   * Closes the blob until its bytes are wanted, also while it is being opened: they have to wait, and nobody is to wait for
   * whom they are kept.
   */
  release(): void {
    this.#options.onHeld?.();
    this.close();
    this.#end = new AbortController();
    this.#reached = this.position;
    this.#opening = undefined;
    this.#stream = undefined;
    this.#reader = undefined;
  }

  /** Waits until the blob is open. Rejects as its `open` does. */
  async ready(): Promise<void> {
    if (this.#opening === undefined) this.start();
    await this.#own(async () => {
      this.#stream = await this.#opening;
    });
    if (this.#stream !== undefined) this.#reader = new VerifiedReader(this.#descriptor, this.#stream);
  }

  /** Checks that a blob of no bytes is one. Throws E_SIZE_MISMATCH, E_DIGEST_MISMATCH. */
  async checkEmpty(): Promise<void> {
    if (this.#reader === undefined) await this.ready();
    await this.#own(() => this.#at().end());
  }

  /** The next `length` bytes, which may be opened any number of times. */
  stretch(length: number): Stretch {
    const place = this.#reader?.checkpoint() ?? new BlobVerifier(this.#descriptor);
    return this.#stretch(place, 0, length);
  }

  /** `length` bytes from `skip` bytes after a place on. The hash is known at the place alone, so reading begins there. */
  #stretch(place: BlobVerifier, skip: number, length: number): Stretch {
    let opened = false;
    return {
      length,
      type: OCTETS,
      after: (bytes) => this.#stretch(place, skip + bytes, length - bytes),
      open: async () => {
        const isClosed = this.#reader === undefined;
        if (isClosed && place.position === 0) await this.ready();
        else if (isClosed || opened || skip > 0 || this.position !== place.position)
          await this.#rewind(place);
        opened = true;
        return this.#take(skip, length);
      },
    };
  }

  /** Closes the blob's stream. */
  close(): void {
    this.#end.abort(new RegferryError('E_ABORTED', `reading ${this.#descriptor.digest} was given up`));
    this.#stream?.destroy();
    this.#opening?.then((stream) => stream.destroy()).catch(() => undefined);
  }

  #openAt(offset: number): Promise<Readable> {
    const { signal: given } = this.#options;
    const own = this.#end.signal;
    const signal = given === undefined ? own : AbortSignal.any([given, own]);
    return this.#open(offset === 0 ? { signal } : { offset, signal });
  }

  #at(): VerifiedReader {
    if (this.#reader === undefined) throw new Error('an upload read its source before it was open');
    return this.#reader;
  }

  async #rewind(place: BlobVerifier): Promise<void> {
    this.#stream?.destroy();
    const stream = await this.#own(() => this.#openAt(place.position));
    this.#stream = stream;
    this.#reader = new VerifiedReader(this.#descriptor, stream, place.fork());
  }

  async *#take(skip: number, length: number): AsyncGenerator<Uint8Array> {
    const reader = this.#at();
    try {
      await reader.skip(skip);
      for await (const piece of reader.take(length)) {
        yield piece;
        this.#options.onProgress?.(reader.position);
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  async #own<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}
