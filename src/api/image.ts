import type { LeftOutName, Manifest } from '../content/store.js';
import { narrowToPlatform } from '../graph/platforms.js';
import { ManifestReader } from '../graph/manifest-reader.js';
import { withSide } from '../errors.js';
import type { OpenedImage } from '../place/address.js';
import { parseAddress, parseRepositoryAddress } from '../place/parse.js';
import type { Descriptor } from '../spec/descriptor.js';
import { knownType } from '../spec/manifest-type.js';
import { parsePlatform } from '../spec/platform.js';
import { assumedNote } from './images.js';
import type { ImageOptions, ReadOptions } from './options.js';
import { withNearTags } from './near-tags.js';
import { Session } from './session.js';

/** A reference and what it stands for. */
export interface ImageDigest {
  readonly reference: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of the manifest; -1 where the registry does not tell without sending it. */
  readonly size: number;
}

/**
 * The digest of an image, by HEAD alone where the registry tells it there, else by GET; a manifest for `platform` is read to find it.
 * Throws E_NOT_FOUND, E_NO_SUCH_PLATFORM and what reaching a registry throws.
 */
export async function digest(image: string, options: ImageOptions = {}): Promise<ImageDigest> {
  return reading(options, image, async (from, signal, session) => {
    const { descriptor } =
      options.platform === undefined
        ? { descriptor: await resolved(from, signal) }
        : await fetched(from, options.platform, signal, session);
    const { mediaType, size } = descriptor;
    tellAssumed(from, options.platform === undefined ? descriptor : undefined, session);
    return { reference: from.reference, digest: descriptor.digest, mediaType, size };
  });
}

/** An image's manifest, byte for byte as it is stored: hashing `bytes` gives `descriptor.digest`. Throws as {@link digest}. */
export async function manifest(image: string, options: ImageOptions = {}): Promise<Manifest> {
  return reading(options, image, async (from, signal, session) => {
    const found = await fetched(from, options.platform, signal, session);
    tellAssumed(from, options.platform === undefined ? found.descriptor : undefined, session);
    return found;
  });
}

function tellAssumed(from: OpenedImage, whole: Descriptor | undefined, session: Session): void {
  const message = assumedNote(from, whole?.digest);
  if (message !== undefined) session.engineOptions().emit({ type: 'note', message });
}

/** Every tag of a repository (or layout folder, `oci:FOLDER`), as the registry gives them, page by page. */
export async function* tags(repository: string, options: ReadOptions = {}): AsyncGenerator<string> {
  const session = new Session(options);
  try {
    const store = await parseRepositoryAddress(repository).read(session.opening('source'));
    const { signal, emit } = session.engineOptions();
    const onLeftOut = ({ message }: LeftOutName): void =>
      emit({ type: 'note', message: `left out: ${message}` });
    yield* store.tags({ signal, onLeftOut });
  } catch (error) {
    throw session.cleaned(withSide(error, 'source', session.signal));
  } finally {
    await session.close();
  }
}

async function reading<T>(
  options: ReadOptions,
  image: string,
  work: (from: OpenedImage, signal: AbortSignal, session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(options);
  const { signal } = session;
  return session.run(async () => {
    let from: OpenedImage | undefined;
    try {
      from = await parseAddress(image).find(session.opening('source'));
      return await work(from, signal, session);
    } catch (thrown) {
      const error = withSide(thrown, 'source', signal);
      throw from === undefined ? error : await withNearTags(error, from, signal);
    }
  });
}

async function resolved(from: OpenedImage, signal: AbortSignal): Promise<Descriptor> {
  const { store, key } = from;
  // A HEAD that says "absent", or a type that nobody knows, says nothing more; the GET has the registry's own words.
  // In a folder the manifest may be damaged, whatever index.json says of it.
  if (store.place.kind === 'layout') return (await store.fetch(key, { signal })).descriptor;
  const found = await store.resolve(key, { signal, certainty: 'proved' });
  if (found !== undefined && knownType(found.mediaType) !== undefined) return found;
  return (await store.fetch(key, { signal })).descriptor;
}

async function fetched(
  from: OpenedImage,
  platform: string | undefined,
  signal: AbortSignal,
  session: Session,
): Promise<Manifest> {
  const { store, key } = from;
  if (platform === undefined) return store.fetch(key, { signal });
  const wanted = parsePlatform(platform);
  const reader = new ManifestReader(store, { signal, resume: session.engineOptions().resume });
  return (await narrowToPlatform(await reader.root(key), wanted, reader)).node.manifest;
}
