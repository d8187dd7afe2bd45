import type { ContentSource, OpenBlob } from '../content/store.js';
import { withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';

/** Opens a blob at the source, once; what goes wrong is the source's. */
export function sourceBlob(source: ContentSource, descriptor: Descriptor): OpenBlob {
  return (options) =>
    source.open(descriptor, options).catch((error: unknown) => {
      throw withSide(error, 'source', options.signal);
    });
}
