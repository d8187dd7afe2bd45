import type { LayoutLock } from '../content/layout-lock.js';
import type { LayoutUpload } from '../content/layout-upload.js';
import type { Digest } from '../spec/digest.js';
import { refusalToGoOn } from './folder-refusal.js';
import { Refusal } from './refusal.js';
import type { IncomingBlob } from './storage.js';

/** What an upload needs of the repository that it goes to. */
export interface UploadRepository {
  /** Takes the lock again that was given back. */
  readonly takeLock: () => Promise<LayoutLock>;
  /** Told of a blob that was hashed and is there now. */
  readonly onCommit: (digest: Digest, size: number) => void;
}

/** An upload into a layout, which has the layout's lock unless it rests. */
export class FolderUpload implements IncomingBlob {
  readonly #upload: LayoutUpload;
  readonly #repository: UploadRepository;
  #lock: LayoutLock | undefined;

  /** `lock` is held. */
  constructor(upload: LayoutUpload, lock: LayoutLock, repository: UploadRepository) {
    this.#upload = upload;
    this.#lock = lock;
    this.#repository = repository;
  }

  get size(): number {
    return this.#upload.size;
  }

  async wake(): Promise<void> {
    this.#lock ??= await this.#repository.takeLock();
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
      const { size } = this.#upload;
      await this.#upload.commit(digest, () => this.#lock?.assertHeld());
      this.#repository.onCommit(digest, size);
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
