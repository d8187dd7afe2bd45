import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';

import { isRegferryError } from '../errors.js';
import { codingsOf, decoded } from '../http/content-encoding.js';
import type { HttpResponse, Method } from '../http/message.js';
import { redactUrl } from '../http/redact.js';
import type { RegistryCall } from './client.js';
import type { RepositoryContext } from './context.js';
import { isWebPage } from '../http/web-page.js';

/** A small answer, read to its end, without the Content-Encoding that nobody asked for. */
export interface Document {
  readonly response: HttpResponse;
  readonly bytes: Buffer;
}

/**
 * GETs a manifest or a page of tags as a whole. The transport repeats a request until it is answered; a body that breaks
 * off after that is asked for again here. What it is is for the caller to find out, whatever its Content-Type says. Throws
 * E_LIMIT over `limit` bytes, the registry's refusal for any status but 200, and E_UNSUPPORTED for a coding that cannot be
 * undone.
 * @param isWhole true for bytes that are to be left as they came, whatever coding the answer names
 */
export async function getDocument(
  context: RepositoryContext,
  call: RegistryCall,
  limit: number,
  isWhole: (document: Document) => boolean = () => false,
): Promise<Document> {
  const { client, repeats } = context;
  for (let failures = 0; ;) {
    const response = await client.send(call);
    if (response.status !== 200) throw await client.failure(response, call.method, call);
    try {
      return await readDocument(response, call.method, limit, isWhole);
    } catch (error) {
      failures += 1;
      if (!isRegferryError(error) || !error.retryable || failures > repeats.retries) throw error;
      await repeats.backoff(failures, call.signal);
    }
  }
}

/** Reads an answer to its end, once. Throws as {@link getDocument}. */
export async function readDocument(
  response: HttpResponse,
  method: Method,
  limit: number,
  isWhole: (document: Document) => boolean = () => false,
): Promise<Document> {
  const document = { response, bytes: await response.bytes(limit) };
  const codings = codingsOf(response.headers);
  if (codings.length === 0 || isWhole(document)) return document;
  const what = `${method} ${redactUrl(response.url)}`;
  return { response, bytes: await decoded(document.bytes, codings, limit, what) };
}

/** True for a page or other markup by its first character, or by what it is called. */
export function isMarkup({ response, bytes }: Document): boolean {
  return isWebPage(response) || /^\s*</.test(bytes.subarray(0, 64).toString('latin1'));
}

/** The answer with its body still to be read, as far as that is text: for an error that tells what came instead. */
export function unread({ response, bytes }: Document): HttpResponse {
  const text = isUtf8(bytes) ? bytes : Buffer.alloc(0);
  return {
    status: response.status,
    headers: response.headers,
    url: response.url,
    ...(response.redacted && { redacted: (text: string) => response.redacted?.(text) ?? text }),
    stream: Readable.from([text], { objectMode: false }),
    bytes: () => Promise.resolve(text),
    discard: () => Promise.resolve(),
  };
}
