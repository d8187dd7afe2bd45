import type { LayoutLock } from '../content/layout-lock.js';
import type { LayoutUpload } from '../content/layout-upload.js';
import type { Digest } from '../spec/digest.js';
import { refusalToGoOn } from './folder-refusal.js';
import { Refusal } from './refusal.js';
import type { IncomingBlob } from './storage.js';

/** An upload into a layout, which has the layout's lock unless it rests. */
export class FolderUpload implements IncomingBlob {
  readonly #upload: LayoutUpload;
  readonly #takeLock: () => Promise<LayoutLock>;
  #lock: LayoutLock | undefined;

  /** `lock` is held; `takeLock` gives it again. */
  constructor(upload: LayoutUpload, lock: LayoutLock, takeLock: () => Promise<LayoutLock>) {
    this.#upload = upload;
    this.#lock = lock;
    this.#takeLock = takeLock;
  }

  get size(): number {
    return this.#upload.size;
  }

  async wake(): Promise<void> {
    this.#lock ??= await this.#takeLock();
    if (await this.#upload.isThere()) return;
    this.rest();
    throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'another program that writes here has ended this upload');
  }

  rest(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#upload.write(chunk);
  }

  async commit(digest: Digest): Promise<void> {
    try {
      await this.#upload.commit(digest, () => this.#lock?.assertHeld());
    } catch (error) {
      throw refusalToGoOn(error);
    } finally {
      this.rest();
    }
  }

  async discard(): Promise<void> {
    await this.#upload.discard();
    this.rest();
  }
}
