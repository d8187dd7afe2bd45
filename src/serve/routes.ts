import { deleteBlob, getBlob } from './blobs.js';
import { listRepositories } from './catalog.js';
import type { RegistryState, RouteContext } from './context.js';
import type { Exchange } from './exchange.js';
import { deleteManifest, getManifest, putManifest } from './manifests.js';
import { digestParameter, isRepositoryName } from './parameters.js';
import { listReferrers } from './referrers.js';
import { Refusal } from './refusal.js';
import type { RepositoryStorage } from './storage.js';
import { listTags } from './tags.js';
import { appendToUpload, cancelUpload, finishUpload, startUpload, tellUpload } from './uploads.js';

type Handle = (context: RouteContext, argument: string) => Promise<void>;

interface Route {
  /** The repository is the first group, the argument, where there is one, the second. */
  readonly path: RegExp;
  readonly methods: Readonly<Record<string, Handle>>;
}

const session =
  (
    handle: (context: RouteContext, session: ReturnType<RegistryState['sessions']['find']>) => Promise<void>,
  ): Handle =>
  (context, id) =>
    handle(context, context.registry.sessions.find(context.name, id));

const blob: Handle = async (context, digest) =>
  getBlob(context, await existing(context), digestParameter(digest));

const manifest: Handle = async (context, reference) =>
  getManifest(context, await existing(context), reference);

/** The end points of the specification, most specific first. */
const routes: readonly Route[] = [
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/?$/,
    methods: { POST: startUpload },
  },
  {
    path: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    methods: {
      GET: session(tellUpload),
      PATCH: session(appendToUpload),
      PUT: session(finishUpload),
      DELETE: session(cancelUpload),
    },
  },
  {
    path: /^\/v2\/(.+)\/blobs\/([^/]+)$/,
    methods: {
      GET: blob,
      HEAD: blob,
      DELETE: async (context, digest) =>
        deleteBlob(context, await existing(context), digestParameter(digest)),
    },
  },
  {
    path: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
    methods: {
      GET: manifest,
      HEAD: manifest,
      PUT: putManifest,
      DELETE: async (context, reference) => deleteManifest(context, await existing(context), reference),
    },
  },
  {
    path: /^\/v2\/(.+)\/tags\/list$/,
    methods: { GET: async (context) => listTags(context, await existing(context)) },
  },
  {
    path: /^\/v2\/(.+)\/referrers\/([^/]+)$/,
    methods: {
      GET: async (context, digest) => {
        const repository = await context.registry.storage.repository(context.name);
        await listReferrers(context, repository, digestParameter(digest));
      },
    },
  },
];

/** Answers one request, or throws the {@link Refusal} that is its answer. */
export async function route(registry: RegistryState, exchange: Exchange): Promise<void> {
  await admit(registry, exchange);
  const path = decoded(exchange.path);
  if (path === '/v2/' || path === '/v2') {
    ping(exchange);
    return;
  }
  if (path === '/v2/_catalog') {
    checkMethod(exchange, ['GET', 'HEAD']);
    await listRepositories(registry, exchange);
    return;
  }
  for (const { path: pattern, methods } of routes) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const [, name = '', argument = ''] = match;
    if (!isRepositoryName(name)) {
      throw new Refusal(400, 'NAME_INVALID', 'a repository has parts of a-z and 0-9 between slashes');
    }
    if (!registry.storage.hasPlaceFor(name)) {
      const message = 'no part of a repository may be blobs, index.json or oci-layout here';
      throw new Refusal(400, 'NAME_INVALID', message);
    }
    const handle = Object.hasOwn(methods, exchange.method) ? methods[exchange.method] : undefined;
    if (handle === undefined) throw methodRefusal(Object.keys(methods));
    await handle({ exchange, registry, name }, argument);
    return;
  }
  throw new Refusal(404, 'UNSUPPORTED', 'there is nothing at this path');
}

/** Throws a 401 without a password where one is needed, and a 405 for a write where nothing may be written. */
async function admit(registry: RegistryState, exchange: Exchange): Promise<void> {
  const { isAllowed, readOnly } = registry;
  if (isAllowed !== undefined && !(await isAllowed(exchange.header('authorization'), exchange))) {
    throw new Refusal(401, 'UNAUTHORIZED', 'this registry wants a user name and a password', {
      headers: { 'WWW-Authenticate': 'Basic realm="regferry", charset="UTF-8"' },
    });
  }
  if (readOnly && !['GET', 'HEAD'].includes(exchange.method)) {
    const message = 'this registry is read-only';
    throw new Refusal(405, 'UNSUPPORTED', message, { headers: { Allow: 'GET, HEAD' } });
  }
}

function ping(exchange: Exchange): void {
  checkMethod(exchange, ['GET', 'HEAD']);
  exchange.send(200, { 'Content-Type': 'application/json' }, Buffer.from('{}\n'));
}

function checkMethod(exchange: Exchange, methods: readonly string[]): void {
  if (!methods.includes(exchange.method)) throw methodRefusal(methods);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, 'NAME_INVALID', 'the path is not well encoded');
  }
}

async function existing(context: RouteContext): Promise<RepositoryStorage> {
  const repository = await context.registry.storage.repository(context.name);
  if (repository === undefined) {
    throw new Refusal(404, 'NAME_UNKNOWN', 'this registry does not have the repository', {
      detail: { name: context.name },
    });
  }
  return repository;
}

function methodRefusal(methods: readonly string[]): Refusal {
  const message = `this can be asked for by ${methods.join(', ')}`;
  return new Refusal(405, 'UNSUPPORTED', message, { headers: { Allow: methods.join(', ') } });
}
