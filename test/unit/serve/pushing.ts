import { digestOf } from '../../../src/spec/digest.js';
import type { Algorithm, Digest } from '../../../src/spec/digest.js';

/** A way to push a blob. It gives the last answer, which is 201 where the blob was taken. */
export type PushForm = (base: string, digest: Digest, bytes: Buffer) => Promise<Response>;

const octets = { 'content-type': 'application/octet-stream' };

/** Bytes as `fetch` takes them. */
export function bodyOf(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** Where an answer leads. */
export function locationOf(answer: Response): string {
  return new URL(answer.headers.get('location') ?? '', answer.url).href;
}

/** A Location with the digest behind it. */
export function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}

/** Opens an upload in the repository at `base`, such as `http://127.0.0.1:5000/v2/app`. */
export async function openUpload(base: string, query = ''): Promise<string> {
  return locationOf(await fetch(`${base}/blobs/uploads/${query}`, { method: 'POST' }));
}

/** One chunk, in its place. */
export function patch(location: string, bytes: Buffer, start: number, end: number): Promise<Response> {
  const headers = { ...octets, 'content-range': `${start}-${end - 1}` };
  return fetch(location, { method: 'PATCH', headers, body: bodyOf(bytes.subarray(start, end)) });
}

/** The end of an upload, with or without last bytes. */
export function put(location: string, digest: Digest, bytes: Buffer, headers = {}): Promise<Response> {
  const init = { method: 'PUT', headers: { ...octets, ...headers }, body: bodyOf(bytes) };
  return fetch(withDigest(location, digest), init);
}

async function putChunks(base: string, digest: Digest, bytes: Buffer, lastInPut: boolean): Promise<Response> {
  const size = Math.ceil(bytes.length / 3);
  let location = await openUpload(base);
  const chunks = [0, size, 2 * size].filter((start) => start < bytes.length);
  for (const start of lastInPut ? chunks.slice(0, -1) : chunks) {
    const answer = await patch(location, bytes, start, Math.min(bytes.length, start + size));
    location = locationOf(answer);
  }
  if (!lastInPut) return await put(location, digest, Buffer.alloc(0));
  const start = chunks.at(-1) ?? 0;
  const range = { 'content-range': `${start}-${bytes.length - 1}` };
  return await put(location, digest, bytes.subarray(start), range);
}

/** Every way in which the specification lets a client push a blob. */
export const pushForms: Readonly<Record<string, PushForm>> = {
  'one POST': (base, digest, bytes) =>
    fetch(withDigest(`${base}/blobs/uploads/`, digest), {
      method: 'POST',
      headers: octets,
      body: bodyOf(bytes),
    }),
  'POST and PUT': async (base, digest, bytes) => put(await openUpload(base), digest, bytes),
  'POST with its algorithm, and PUT': async (base, digest, bytes) =>
    put(await openUpload(base, `?digest-algorithm=${digest.split(':', 1).join()}`), digest, bytes),
  'one stream': async (base, digest, bytes) => {
    const body = new Blob([bodyOf(bytes)]).stream();
    const init: RequestInit = { method: 'PATCH', headers: octets, body, duplex: 'half' };
    return put(locationOf(await fetch(await openUpload(base), init)), digest, Buffer.alloc(0));
  },
  'one chunk': async (base, digest, bytes) => {
    const answer = await patch(await openUpload(base), bytes, 0, bytes.length);
    return put(locationOf(answer), digest, Buffer.alloc(0));
  },
  'three chunks': (base, digest, bytes) => putChunks(base, digest, bytes, false),
  'three chunks, the last one in the PUT': (base, digest, bytes) => putChunks(base, digest, bytes, true),
};

/** Pushes a blob in one request, and gives its digest. */
export async function pushBlob(
  base: string,
  bytes: Buffer,
  algorithm: Algorithm = 'sha256',
): Promise<Digest> {
  const digest = digestOf(bytes, algorithm);
  const answer = await fetch(withDigest(`${base}/blobs/uploads/`, digest), {
    method: 'POST',
    body: bodyOf(bytes),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return digest;
}
