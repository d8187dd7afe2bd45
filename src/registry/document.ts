import { isRegferryError } from '../errors.js';
import type { HttpResponse } from '../http/message.js';
import type { RegistryCall } from './client.js';
import type { RepositoryContext } from './context.js';
import { isWebPage } from './web-page.js';

/** A small answer, read to its end. */
export interface Document {
  readonly response: HttpResponse;
  readonly bytes: Buffer;
}

/**
 * GETs a manifest or a page of tags as a whole. The transport repeats a request until it is answered; a body that breaks
 * off after that is asked for again here. Throws E_LIMIT over `limit` bytes, the registry's refusal for any status but
 * 200, and E_NOT_A_REGISTRY or E_REFUSED for a web page.
 */
export async function getDocument(
  context: RepositoryContext,
  call: RegistryCall,
  limit: number,
): Promise<Document> {
  const { client, repeats } = context;
  for (let failures = 0; ;) {
    const response = await client.send(call);
    if (response.status !== 200 || isWebPage(response))
      throw await client.failure(response, call.method, call);
    try {
      return { response, bytes: await response.bytes(limit) };
    } catch (error) {
      failures += 1;
      if (!isRegferryError(error) || !error.retryable || failures > repeats.retries) throw error;
      await repeats.backoff(failures, call.signal);
    }
  }
}
