import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  copy,
  copyTags,
  createRegistry,
  digest,
  digestOf,
  fromEnvironment,
  isRegferryError,
  login,
  manifest,
  MemoryStore,
  openLayout,
  plan,
  planTags,
  promote,
  serve,
  tags,
} from '../../src/index.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

/** Takes connections and says nothing. */
let silent: Server;
let host: string;
let folder: string;
const sockets = new Set<Socket>();
const layer = blob(2_000, 1);
const image = imageManifest({ layers: [layer] });
const descriptor = {
  digest: digestOf(layer),
  size: layer.length,
  mediaType: 'application/vnd.oci.image.layer.v1.tar',
};

beforeAll(async () => {
  folder = makeTempFolder('aborts');
  silent = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  removeTempFolder(folder);
});

const side = { plainHttp: true };
const sides = { source: side, target: side };

async function all(names: AsyncIterable<string>): Promise<void> {
  for await (const name of names) expect(name).toBe('there are none');
}

function repository(): ReturnType<ReturnType<typeof createRegistry>['repository']> {
  return createRegistry(side).repository(`${host}/r/app`, 'push');
}

function environment(): ReturnType<typeof fromEnvironment> {
  return fromEnvironment({ env: { DOCKER_CONFIG: folder } });
}

async function seeded(): Promise<MemoryStore> {
  const store = new MemoryStore();
  await seed(store, image, 'v1');
  return store;
}

/** A source whose reader throws whatever it likes when it is told to stop. */
async function ownWords(): Promise<MemoryStore> {
  const store = await seeded();
  store.fetch = (_key, op) =>
    new Promise((_resolve, reject) => {
      const stop = (): void => reject(new Error('my own words'));
      if (op?.signal?.aborted === true) stop();
      else op?.signal?.addEventListener('abort', stop);
    });
  return store;
}

/** Every call that takes a signal, at a registry that never answers. */
const waiting: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
  copy: (signal) => copy(`${host}/r/app:v1`, `${host}/r/b`, { ...sides, signal }),
  'copy to a silent target': async (signal) =>
    copy({ store: await seeded(), tag: 'v1' }, `${host}/r/b`, { ...sides, signal }),
  'copy from a store with words of its own': async (signal) =>
    copy({ store: await ownWords(), tag: 'v1' }, `oci:${folder}/own`, { signal }),
  copyTags: (signal) => copyTags(`${host}/r/app`, `${host}/r/b`, { ...sides, signal }),
  plan: (signal) => plan(`${host}/r/app:v1`, `${host}/r/b`, { ...sides, signal }),
  planTags: (signal) => planTags(`${host}/r/app`, `${host}/r/b`, { ...sides, signal }),
  promote: (signal) => promote(`${host}/r/app:v1`, 'prod', { ...sides, signal }),
  digest: (signal) => digest(`${host}/r/app:v1`, { ...side, signal }),
  'digest of one platform': (signal) =>
    digest(`${host}/r/app:v1`, { ...side, platform: 'linux/amd64', signal }),
  manifest: (signal) => manifest(`${host}/r/app:v1`, { ...side, signal }),
  tags: (signal) => all(tags(`${host}/r/app`, { ...side, signal })),
  'digest at a port whose scheme is looked for': (signal) => digest(`${host}/r/app:v1`, { signal }),
  login: (signal) =>
    login(host, { username: 'u', password: 'p' }, { ...side, signal, environment: environment() }),
  'repository.fetch': (signal) => repository().fetch({ tag: 'v1' }, { signal }),
  'repository.resolve': (signal) => repository().resolve({ tag: 'v1' }, { signal }),
  'repository.open': (signal) => repository().open(descriptor, { signal }),
  'repository.tags': (signal) => all(repository().tags({ signal })),
  'repository.has': (signal) => repository().has(descriptor, { signal }),
  'repository.put': (signal) =>
    repository().put(descriptor, () => Promise.resolve(Readable.from([layer])), { signal }),
  'repository.putManifest': (signal) => repository().putManifest(image.root, { signal }),
  'repository.tag': (signal) => repository().tag(image.root, 'v1', { signal }),
};

/** Those that have nothing to wait for, so that they only see a signal that has aborted before. */
const quick: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
  'MemoryStore.fetch': async (signal) => (await seeded()).fetch({ tag: 'v1' }, { signal }),
  'MemoryStore.put': async (signal) =>
    new MemoryStore().put(descriptor, () => Promise.resolve(Readable.from([layer])), { signal }),
  'LayoutStore.resolve': async (signal) => (await openedLayout()).resolve({ tag: 'v1' }, { signal }),
  'LayoutStore.open': async (signal) => (await openedLayout()).open(descriptor, { signal }),
  serve: (signal) => serve({ signal }),
};

async function openedLayout(): Promise<Awaited<ReturnType<typeof openLayout>>> {
  await (await openLayout(folder, { access: 'write', create: true })).close();
  return openLayout(folder, { access: 'read' });
}

const reasons: Readonly<Record<string, () => AbortSignal>> = {
  'AbortSignal.timeout()': () => AbortSignal.timeout(20),
  'abort(new Error())': () => abortingWith(new Error('enough')),
  'abort("text")': () => abortingWith('enough'),
  'abort()': () => abortingWith(undefined),
};

function abortingWith(reason: unknown): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 20);
  return controller.signal;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return isRegferryError(error) ? error.code : `${String(error)}, which is no RegferryError`;
  }
}

async function isOver(signal: AbortSignal): Promise<AbortSignal> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal;
}

describe.each(Object.entries(reasons))('%s ends with E_ABORTED', (_name, aborting) => {
  it.each(Object.entries(waiting))('%s, while it waits', async (_call, call) => {
    expect(await codeOf(call(aborting()))).toBe('E_ABORTED');
  });

  it.each(Object.entries({ ...waiting, ...quick }))('%s, when it is over before', async (_call, call) => {
    expect(await codeOf(call(await isOver(aborting())))).toBe('E_ABORTED');
  });
});
