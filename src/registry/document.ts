import { isRegferryError } from '../errors.js';
import { codingsOf, decoded } from '../http/content-encoding.js';
import type { HttpResponse } from '../http/message.js';
import { redactUrl } from '../http/redact.js';
import type { RegistryCall } from './client.js';
import type { RepositoryContext } from './context.js';
import { isWebPage } from './web-page.js';

/** A small answer, read to its end, without the Content-Encoding that nobody asked for. */
export interface Document {
  readonly response: HttpResponse;
  readonly bytes: Buffer;
}

/**
 * GETs a manifest or a page of tags as a whole. The transport repeats a request until it is answered; a body that breaks
 * off after that is asked for again here. Throws E_LIMIT over `limit` bytes, the registry's refusal for any status but
 * 200, E_NOT_A_REGISTRY or E_REFUSED for a web page, and E_UNSUPPORTED for a coding that cannot be undone.
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
    if (response.status !== 200 || isWebPage(response))
      throw await client.failure(response, call.method, call);
    try {
      const document = { response, bytes: await response.bytes(limit) };
      const codings = codingsOf(response.headers);
      if (codings.length === 0 || isWhole(document)) return document;
      const what = `${call.method} ${redactUrl(response.url)}`;
      return { response, bytes: await decoded(document.bytes, codings, limit, what) };
    } catch (error) {
      failures += 1;
      if (!isRegferryError(error) || !error.retryable || failures > repeats.retries) throw error;
      await repeats.backoff(failures, call.signal);
    }
  }
}
