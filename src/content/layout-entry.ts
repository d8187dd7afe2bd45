import type { Descriptor } from '../spec/descriptor.js';
import { isJsonObject, own, type JsonObject } from '../spec/json.js';
import type { Platform } from '../spec/platform.js';

/** The annotation of an index.json entry that holds its tag. https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** What can stand in a tag list or a message as it is. Other names are kept in the file and match nothing. */
const USABLE_NAME = /^[\x21-\x7e]{1,255}$/;

/** True for a name that an entry can be given and found by. */
export function isRefName(name: string): boolean {
  return USABLE_NAME.test(name);
}

/** The name of an index.json entry, undefined when it has none or an unusable one. */
export function refName(entry: JsonObject): string | undefined {
  const annotations = own(entry, 'annotations');
  const name = isJsonObject(annotations) ? own(annotations, REF_NAME) : undefined;
  return typeof name === 'string' && isRefName(name) ? name : undefined;
}

/** The entry with its name taken off. What else it says is kept. */
export function withoutRefName(entry: JsonObject): JsonObject {
  const annotations = own(entry, 'annotations');
  if (!isJsonObject(annotations)) return entry;
  const rest = Object.entries(annotations).filter(([name]) => name !== REF_NAME);
  const others = Object.entries(entry).filter(([name]) => name !== 'annotations');
  return Object.fromEntries([
    ...others,
    ...(rest.length === 0 ? [] : [['annotations', Object.fromEntries(rest)]]),
  ]) as JsonObject;
}

/** True when the entry is of this very content and type, under whatever name. */
export function isOf(entry: JsonObject | undefined, { digest, size, mediaType }: Descriptor): boolean {
  if (entry === undefined) return false;
  return (
    own(entry, 'digest') === digest && own(entry, 'size') === size && own(entry, 'mediaType') === mediaType
  );
}

/** A new entry. Annotations of the source's own entry are left behind: they name it by the source's tag. */
export function entryOf(descriptor: Descriptor, tag?: string): JsonObject {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(platform !== undefined && { platform: toJson(platform) }),
    ...(tag !== undefined && { annotations: { [REF_NAME]: tag } }),
  };
}

function toJson({ os, architecture, variant, osVersion }: Platform): JsonObject {
  return {
    architecture,
    os,
    ...(osVersion !== undefined && { 'os.version': osVersion }),
    ...(variant !== undefined && { variant }),
  };
}
