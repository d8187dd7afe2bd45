import { RegferryError } from '../errors.js';
import { algorithmOf, createDigester, type Algorithm, type Digest, type Digester } from '../spec/digest.js';
import type { LayoutFiles } from './layout-files.js';
import type { NewFile } from './plain-file.js';

/**
 * A blob whose bytes are still coming, in a file without a blob's name. They are hashed as they come. It may be written
 * and committed while one has the layout's lock; in between a writer of another process may remove the file, for which
 * it is something that was left behind.
 */
export class LayoutUpload {
  readonly #files: LayoutFiles;
  readonly #file: NewFile;
  readonly #algorithm: Algorithm;
  readonly #digester: Digester;
  #size = 0;

  private constructor(files: LayoutFiles, file: NewFile, algorithm: Algorithm) {
    this.#files = files;
    this.#file = file;
    this.#algorithm = algorithm;
    this.#digester = createDigester(algorithm);
  }

  /** Starts a blob. A digest of another algorithm than this one costs reading the file once more. Throws E_IO. */
  static async create(files: LayoutFiles, algorithm: Algorithm): Promise<LayoutUpload> {
    return new LayoutUpload(files, await files.createFile(), algorithm);
  }

  /** False when a writer of another process has removed the file. */
  async isThere(): Promise<boolean> {
    return await this.#file.isThere();
  }

  /** Bytes that were written so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds bytes at the end. After a failure, E_IO, the upload can only be discarded. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(bytes);
    this.#digester.update(bytes);
    this.#size += bytes.byteLength;
  }

  /**
   * Makes what was written a blob of the layout, durable once this resolves. Throws E_DIGEST_MISMATCH when it has
   * another digest, E_IO, and what `check` throws, which is called just before. The upload has ended then either way, and nothing of it is left where it failed.
   */
  async commit(digest: Digest, check?: () => void): Promise<void> {
    try {
      const got = await this.#digest(algorithmOf(digest));
      if (got !== digest) {
        const message = `content is corrupt: expected ${digest}, got ${got}`;
        throw new RegferryError('E_DIGEST_MISMATCH', message, { digest });
      }
      await this.#files.placeBlob(this.#file, digest, check);
    } finally {
      await this.discard();
    }
  }

  /** Ends the upload, and removes what was written unless it was committed. */
  async discard(): Promise<void> {
    await this.#file.discard();
  }

  async #digest(algorithm: Algorithm): Promise<Digest> {
    if (algorithm === this.#algorithm) return this.#digester.digest();
    const digester = createDigester(algorithm);
    for await (const bytes of this.#file.bytes()) digester.update(bytes);
    return digester.digest();
  }
}
