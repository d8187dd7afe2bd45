import type { Readable } from 'node:stream';

import type {
  ContentTarget,
  Manifest,
  ManifestKey,
  Op,
  OpenBlob,
  OpenOptions,
  Place,
  PutOptions,
  PutOutcome,
  TagsOptions,
  ResolveOptions,
} from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';
import { parseRepositoryPath, parseTag } from '../spec/reference.js';
import { hasBlob, openBlob } from './blobs.js';
import type { RegistryClient } from './client.js';
import { nameOf, type RepositoryContext } from './context.js';
import { firstTags, type FirstTags } from './first-tags.js';
import { putManifest } from './manifest-push.js';
import { fetchManifest, resolveManifest } from './manifests.js';
import { deleteTag } from './tag-removal.js';
import { listTags } from './tags.js';
import { uploadBlob, type UploadPolicy } from './upload.js';

/** Which repository, and how it is used. */
export interface RepositoryOptions {
  readonly client: RegistryClient;
  /** Repository path, without the host. */
  readonly repository: string;
  /** What its token must allow; `push` includes pulling. @default 'pull' */
  readonly access?: 'pull' | 'push' | undefined;
  readonly upload: UploadPolicy;
  /** What is thrown passes through this: takes secrets out. @default as it is */
  readonly cleaned?: (<E>(error: E) => E) | undefined;
}

/** One repository of a remote registry, as content to read and write. */
export class Repository implements ContentTarget {
  readonly place: Place;
  readonly metered: boolean;
  readonly #context: RepositoryContext;
  readonly #upload: UploadPolicy;
  readonly #cleaned: <E>(error: E) => E;

  constructor(options: RepositoryOptions) {
    const { client, access = 'pull' } = options;
    const repository = parseRepositoryPath(options.repository);
    const { answerTimeoutMs } = options.upload;
    this.#context = { client, repository, access, repeats: options.upload, answerTimeoutMs };
    this.#upload = options.upload;
    this.#cleaned = options.cleaned ?? ((error) => error);
    this.place = { kind: 'registry', host: client.registry.toLowerCase(), repository };
    this.metered = client.quirks.metered === true;
  }

  toString(): string {
    return nameOf(this.#context);
  }

  get mountsOwn(): boolean {
    return this.#context.client.uploads.mountsOwn;
  }

  get doubtsMounts(): boolean {
    return this.#context.client.uploads.doubtsMounts;
  }

  doubtMounts(): void {
    this.#context.client.uploads.madeMountUp();
  }

  prepare(requests: number, op: Op = {}): void {
    this.#context.client.prepare(requests, op);
  }

  resolve(key: ManifestKey, options: ResolveOptions = {}): Promise<Descriptor | undefined> {
    return this.#clean(resolveManifest(this.#context, key, options));
  }

  fetch(key: ManifestKey, op: Op = {}): Promise<Manifest> {
    return this.#clean(fetchManifest(this.#context, key, op));
  }

  async open(descriptor: Descriptor, options: OpenOptions = {}): Promise<Readable> {
    const stream = await this.#clean(openBlob(this.#context, descriptor, options));
    const destroy = stream.destroy.bind(stream);
    return Object.assign(stream, { destroy: (error?: Error) => destroy(this.#cleaned(error)) });
  }

  async *tags(options: TagsOptions = {}): AsyncGenerator<string, void, void> {
    try {
      yield* listTags(this.#context, options);
    } catch (error) {
      throw this.#cleaned(error);
    }
  }

  /**
   * The first page of the tags, by one request: for a message, where the rest does not matter. Undefined where there is
   * none to be had, for whatever reason; it is not tried again, and no login is asked for. Never rejects.
   */
  firstTags(op: Op = {}): Promise<FirstTags | undefined> {
    return firstTags(this.#context, op);
  }

  has(descriptor: Descriptor, op: Op = {}): Promise<boolean> {
    return this.#clean(hasBlob(this.#context, descriptor, op));
  }

  put(descriptor: Descriptor, open: OpenBlob, options: PutOptions = {}): Promise<PutOutcome> {
    return this.#clean(uploadBlob(this.#context, descriptor, open, options, this.#upload));
  }

  putManifest(manifest: Manifest, op: Op = {}): Promise<void> {
    return this.#clean(putManifest(this.#context, manifest, manifest.descriptor.digest, op));
  }

  async tag(manifest: Manifest, tag: string, op: Op = {}): Promise<void> {
    return this.#clean(putManifest(this.#context, manifest, parseTag(tag), op));
  }

  async untag(tag: string, op: Op = {}): Promise<void> {
    return this.#clean(deleteTag(this.#context, parseTag(tag), op));
  }

  async #clean<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#cleaned(error);
    }
  }
}
