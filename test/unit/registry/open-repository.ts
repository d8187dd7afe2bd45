import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';

import { createAuthorizer } from '../../../src/auth/authorize.js';
import { basicCredential, staticCredentials } from '../../../src/auth/credentials.js';
import type { OpenBlob, OpenOptions } from '../../../src/content/store.js';
import { RegferryError, type Side } from '../../../src/errors.js';
import type { TransportOptions } from '../../../src/http/transport.js';
import { RegistryClient } from '../../../src/registry/client.js';
import type { RepositoryContext } from '../../../src/registry/context.js';
import { Repository } from '../../../src/registry/repository.js';
import type { ChunkSize } from '../../../src/registry/upload-ways.js';
import type { Descriptor } from '../../../src/spec/descriptor.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob } from '../../support/fixtures.js';
import { startRegistry, type TestRegistry, type TestRegistryOptions } from '../../support/registry.js';
import {
  closeAll,
  listen,
  openTransport,
  type LocalServer,
  type TestTransport,
} from '../http/local-server.js';

export interface Settings {
  /** Name of the registry, as a user spells it. @default 'registry.example.com' */
  readonly registry?: string;
  /** @default 'app' */
  readonly repository?: string;
  readonly access?: 'pull' | 'push';
  readonly side?: Side;
  /** `user:password` */
  readonly login?: string;
  readonly chunkSize?: ChunkSize;
  /** Of an upload, and of a body that breaks off. @default 4 */
  readonly retries?: number;
  readonly transport?: Partial<TransportOptions>;
}

/** A repository client whose waits take no time. */
export interface Opened {
  readonly repository: Repository;
  readonly client: RegistryClient;
  /** The same repository, for the functions behind it. */
  readonly context: RepositoryContext;
  readonly transport: TestTransport;
  /** The failures that each wait of an upload or a broken body was for. */
  readonly waits: number[];
}

/** A client of a registry at this origin, on the real transport. */
export function openRepository(origin: string, settings: Settings = {}): Opened {
  const {
    registry = 'registry.example.com',
    repository = 'app',
    access = 'push',
    side = 'target',
  } = settings;
  const { login, chunkSize, retries = 4 } = settings;
  const transport = openTransport(settings.transport);
  const [user = '', password = ''] = login?.split(':') ?? [];
  const credential = login === undefined ? undefined : basicCredential(user, password, 'a test');
  const authorizer = createAuthorizer({
    registry,
    side,
    http: transport,
    credentials: staticCredentials(credential),
  });
  const waits: number[] = [];
  const client = new RegistryClient({
    registry,
    side,
    http: transport,
    authorizer,
    origin: () => Promise.resolve(origin),
  });
  const backoff = (failures: number, signal: AbortSignal | undefined): Promise<void> => {
    waits.push(failures);
    signal?.throwIfAborted();
    return Promise.resolve();
  };
  const upload = { chunkSize, retries, backoff };
  return {
    repository: new Repository({ client, repository, access, upload }),
    client,
    context: { client, repository, access, repeats: upload },
    transport,
    waits,
  };
}

const registries: TestRegistry[] = [];

/** A registry that {@link closeEverything} closes. */
export async function openRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  registries.push(registry);
  return registry;
}

/** What a server was asked, in order: `PUT /path`. */
export interface NotingServer extends LocalServer {
  readonly asked: string[];
}

/** A server of the test's own, which notes what it is asked. */
export async function openServer(handler: RequestListener): Promise<NotingServer> {
  const asked: string[] = [];
  const server = await listen((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    handler(request, response);
  });
  return { ...server, asked };
}

/** For afterEach. */
export async function closeEverything(): Promise<void> {
  await closeAll();
  await Promise.all(registries.splice(0).map((registry) => registry.close()));
}

/** Methods of the requests, with the status of each: `PUT 201`. Session ids are left out. */
export function requestsOf(registry: TestRegistry): string[] {
  return registry.log.map(({ method, status }) => `${method} ${status}`);
}

/** A blob, and how often and where it was opened. */
export interface BlobSource {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
  readonly open: OpenBlob;
  /** The offset of each opening. */
  readonly offsets: number[];
  readonly streams: Readable[];
}

/** A blob that looks random, in pieces of at most 64 KiB. */
export function blobSource(
  size: number,
  spoil: (stream: Readable, at: number) => Readable = (s) => s,
): BlobSource {
  return sourceOver(blob(size, size), spoil);
}

/** A blob of these bytes; `spoil` may put something in the place of its stream number `at`. */
export function sourceOver(
  bytes: Buffer,
  spoil: (stream: Readable, at: number) => Readable = (stream) => stream,
): BlobSource {
  const offsets: number[] = [];
  const streams: Readable[] = [];
  const open = ({ offset = 0, signal }: OpenOptions): Promise<Readable> => {
    signal?.throwIfAborted();
    const stream = spoil(
      Readable.from(pieces(bytes.subarray(offset)), { objectMode: false }),
      offsets.length,
    );
    offsets.push(offset);
    streams.push(stream);
    return Promise.resolve(stream);
  };
  return { bytes, descriptor: descriptorOf(bytes), open, offsets, streams };
}

export function descriptorOf(bytes: Buffer): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += 64 * 1024)
    yield bytes.subarray(start, start + 64 * 1024);
}

/** The error that a promise rejects with; fails where it is no RegferryError. */
export async function failureOf(promise: Promise<unknown>): Promise<RegferryError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof RegferryError) return error;
    throw error;
  }
  throw new Error(`resolved with ${String(value)}`);
}

/** All bytes of a stream. */
export async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
