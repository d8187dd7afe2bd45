import type { IncomingMessage } from 'node:http';

import { bodyOver, rule, type Fault, type Rule } from './faults.js';
import { answer, before, redirect, registryError, rewrite } from './faults/answers.js';
import { changeHeaders, omitHeaders } from './faults/headers.js';
import { tokens } from './faults/tokens.js';
import type { TestRegistryOptions } from './registry.js';

const MiB = 1024 * 1024;

/** What a fake may know about where it runs. */
export interface FakeSite {
  /** Where blobs lie that a registry does not serve itself: another origin with the same content. */
  readonly storage: string;
}

/** A registry that is known to behave in a way of its own, as faults around ours. */
export interface FakeRegistry {
  readonly name: string;
  /** The host that it has in the world. */
  readonly host: string;
  /** What it is scripted to do. */
  readonly does: string;
  readonly options?: TestRegistryOptions;
  readonly rules: (site: FakeSite) => Rule[];
}

const anyBlob = { method: ['GET', 'HEAD'], path: /\/blobs\/sha256:/ };
const uploads = /\/blobs\/uploads\//;

function chunkOf({ headers }: IncomingMessage): { start: number; length: number } | undefined {
  const match = /^(\d+)-(\d+)$/.exec(headers['content-range'] ?? '');
  return match === null
    ? undefined
    : { start: Number(match[1]), length: Number(match[2]) - Number(match[1]) + 1 };
}

function session({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? '';
}

/** Lets through what `allowed` allows, and answers the rest with `refusal`. */
function only(allowed: (request: IncomingMessage) => boolean, refusal: Fault): Fault {
  return (next) => (request, response) => {
    (allowed(request) ? next : refusal(next))(request, response);
  };
}

function elsewhere(site: FakeSite): Rule {
  return rule(
    { ...anyBlob },
    redirect(({ url = '' }) => `${site.storage}${url}?X-Amz-Signature=abc`),
  );
}

/** The first chunk's Range, whatever came after it. */
function stuckRange(): Fault {
  const first = new Map<string, string>();
  return changeHeaders((headers, request) => {
    const range = first.get(session(request)) ?? String(headers['range']);
    first.set(session(request), range);
    return { ...headers, range };
  });
}

/** 500 to an empty closing PUT of an upload that took more than one PATCH. */
function closesWithBytes(): Fault {
  const patches = new Map<string, number>();
  return (next) => (request, response) => {
    const count = patches.get(session(request)) ?? 0;
    if (request.method === 'PATCH') patches.set(session(request), count + 1);
    const empty = request.method === 'PUT' && request.headers['content-length'] === '0';
    (empty && count > 1 ? answer(500)(next) : next)(request, response);
  };
}

/** 400 to a chunk that is not as long as the one before it, unless it is the last. */
function equalParts(): Fault {
  const parts = new Map<string, number[]>();
  return (next) => (request, response) => {
    const chunk = chunkOf(request);
    const before = parts.get(session(request)) ?? [];
    if (chunk !== undefined) parts.set(session(request), [...before, chunk.length]);
    const uneven = new Set(before).size > 1 || (before[0] ?? 0) < (chunk?.length ?? 0);
    (before.length > 0 && uneven ? registryError(400, 'BLOB_UPLOAD_INVALID')(next) : next)(request, response);
  };
}

/** Refuses a manifest while another one is being written. */
function oneManifestAtATime(): Fault {
  let writing = 0;
  return (next) => (request, response) => {
    writing += 1;
    response.once('close', () => (writing -= 1));
    (writing > 1 ? registryError(400, 'MANIFEST_INVALID')(next) : next)(request, response);
  };
}

/** Ends a session whose chunk broke off: whatever comes next is told that there is none. */
function dropsBrokenSessions(): Fault {
  const lost = new Set<string>();
  return (next) => (request, response) => {
    const id = session(request);
    if (request.method === 'PATCH') response.once('close', () => !request.complete && lost.add(id));
    (lost.has(id) ? registryError(404, 'BLOB_UPLOAD_UNKNOWN')(next) : next)(request, response);
  };
}

/** The registries whose ways are known and can be scripted. */
export const fakeRegistries: readonly FakeRegistry[] = [
  {
    name: 'Docker Hub',
    host: 'docker.io',
    does: 'wants tokens, and refuses to mount what it does not know',
    rules: () => [
      rule({}, tokens()),
      rule({ method: 'POST', path: /mount=/ }, registryError(401, 'UNAUTHORIZED')),
    ],
  },
  {
    name: 'GHCR',
    host: 'ghcr.io',
    does: 'takes no PATCH over 4 MiB, and hands out Locations with %2F in them',
    rules: () => [
      rule(
        { method: 'PATCH', when: bodyOver(4 * MiB) },
        registryError(416, 'UNKNOWN', 'request body is too large'),
      ),
      rule(
        { path: uploads },
        before((request) => void (request.url = request.url?.replace('/upload%2F', '/'))),
      ),
      rule(
        { method: ['POST', 'PATCH'] },
        changeHeaders(({ location, ...headers }) => {
          if (typeof location !== 'string') return headers;
          return { ...headers, location: location.replace('/uploads/', '/uploads/upload%2F') };
        }),
      ),
    ],
  },
  {
    name: 'ECR',
    host: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
    does: 'answers 201 to a PATCH with a Range that never moves, fails an empty closing PUT, and keeps blobs at S3',
    options: { chunkMinLength: 5 * MiB },
    rules: (site) => [
      elsewhere(site),
      rule({ path: uploads }, closesWithBytes()),
      rule({ method: 'POST' }, omitHeaders('oci-chunk-min-length')),
      rule(
        { method: 'PATCH' },
        stuckRange(),
        rewrite((given) => ({ ...given, status: given.status === 202 ? 201 : given.status })),
      ),
      rule({ method: 'HEAD', path: /\/manifests\// }, omitHeaders('docker-content-digest')),
    ],
  },
  {
    name: 'Google (GAR, GCR)',
    host: 'europe-west1-docker.pkg.dev',
    does: 'knows no chunks, uploads at another path, and answers 401 without a challenge',
    rules: () => [
      rule({}, tokens({ silent: true })),
      rule({ method: 'PATCH', when: (request) => chunkOf(request) !== undefined }, answer(405)),
      rule(
        { path: /^\/artifacts-uploads\// },
        before((request) => void (request.url = request.url?.replace('/artifacts-uploads/', '/v2/'))),
      ),
      rule(
        { method: 'POST', path: uploads },
        changeHeaders((headers) => ({
          ...headers,
          location: String(headers['location']).replace('/v2/', '/artifacts-uploads/'),
        })),
      ),
    ],
  },
  {
    name: 'ACR',
    host: 'example.azurecr.io',
    does: 'takes Content-Range as `first-last` alone, and serves blobs from another host',
    rules: (site) => [
      elsewhere(site),
      rule(
        { method: 'PATCH', when: ({ headers }) => 'content-range' in headers },
        only((request) => chunkOf(request) !== undefined, registryError(416, 'RANGE_INVALID')),
      ),
    ],
  },
  {
    name: 'Quay',
    host: 'quay.io',
    does: 'gives absolute Locations and a Range that is off by one, and writes one manifest at a time',
    options: { pageSize: 100 },
    rules: (site) => [
      elsewhere(site),
      rule(
        { method: ['POST', 'PATCH'], path: uploads },
        changeHeaders((headers, { headers: { host = '' } }) => ({
          ...headers,
          location: `http://${host}${String(headers['location'])}`,
          range: String(headers['range']).replace(/-(\d+)$/, (_all, end) => `-${Number(end) + 1}`),
        })),
      ),
      rule({ method: 'PUT', path: /\/manifests\/(?!sha256:)/ }, oneManifestAtATime()),
    ],
  },
  {
    name: 'Harbor',
    host: 'harbor.example.com',
    does: 'wants tokens for everything, asks for Basic after a bad one, and refuses mounts with 401',
    rules: () => [
      rule({}, tokens({ toBadToken: 'Basic realm="harbor"' })),
      rule({ method: 'POST', path: /mount=/ }, registryError(401, 'UNAUTHORIZED', 'project not found')),
      rule(
        { method: 'GET', path: /\/manifests\// },
        rewrite((given) => ({
          ...given,
          body:
            given.status === 404
              ? Buffer.from('{"errors":[{"code":"NOT_FOUND","message":"artifact not found"}]}')
              : given.body,
        })),
      ),
    ],
  },
  {
    name: 'GitLab',
    host: 'registry.gitlab.com',
    does: 'gives a token for one of the scopes that are asked for',
    rules: () => [rule({}, tokens({ scopes: 1, fields: ['token'] }))],
  },
  {
    name: 'Artifactory',
    host: 'example.jfrog.io',
    does: 'answers 403 for what is absent, 406 where Accept names manifests without need, and now and then 404 to a chunk',
    rules: () => [
      rule(
        { method: 'HEAD' },
        rewrite((given) => ({ ...given, status: given.status === 404 ? 403 : given.status })),
      ),
      rule(
        { path: /\/blobs\//, when: ({ headers }) => (headers.accept ?? '').includes('manifest') },
        answer(406),
      ),
      rule({ method: 'PATCH', nth: 2 }, answer(404)),
    ],
  },
  {
    name: 'Nexus',
    host: 'nexus.example.com',
    does: 'wants Content-Length, names itself with http, and sees a new platform only a moment later',
    rules: () => [
      rule(
        { method: ['PUT', 'PATCH', 'POST'], when: ({ headers }) => headers['content-length'] === undefined },
        answer(411),
      ),
      rule(
        { method: 'PUT', path: /\/manifests\/(?!sha256:)/, nth: 1 },
        registryError(404, 'MANIFEST_UNKNOWN'),
      ),
    ],
  },
  {
    name: 'zot',
    host: 'zot.example.com',
    does: 'drops the session of a broken chunk, and names no digest when a manifest misses something',
    rules: () => [
      rule({ path: uploads }, dropsBrokenSessions()),
      rule(
        { method: ['PUT', 'PATCH'], path: uploads },
        only(({ headers }) => headers['content-type'] === 'application/octet-stream', answer(415)),
      ),
      rule(
        { method: 'PUT', path: /\/manifests\/(?!sha256:)/, nth: 1 },
        registryError(400, 'MANIFEST_INVALID'),
      ),
    ],
  },
  {
    name: 'Gitea',
    host: 'gitea.example.com',
    does: 'offers Bearer and Basic in two headers, and wants Content-Range from the second PATCH on',
    rules: () => {
      const seen = new Set<string>();
      const ranged: Fault = (next) => (request, response) => {
        const again = seen.has(session(request));
        seen.add(session(request));
        (again && chunkOf(request) === undefined ? answer(400)(next) : next)(request, response);
      };
      return [
        rule({}, tokens({ fields: ['token'], also: ['Basic realm="Gitea Package API"'] })),
        rule({ method: 'PATCH' }, ranged),
      ];
    },
  },
  {
    name: 'Cloudflare (serverless registry)',
    host: 'registry.example.workers.dev',
    does: 'takes bodies of a limited size (413), and chunks of one size but the last',
    options: { chunkMinLength: MiB },
    rules: () => [
      rule(
        { when: bodyOver(5 * MiB) },
        answer(413, {
          headers: { 'content-type': 'text/html' },
          body: '<title>413 Payload Too Large</title>',
          early: true,
        }),
      ),
      rule({ method: 'PATCH' }, equalParts()),
      rule(
        { method: 'POST' },
        changeHeaders((headers) => ({ ...headers, 'oci-chunk-max-length': String(5 * MiB) })),
      ),
    ],
  },
];
