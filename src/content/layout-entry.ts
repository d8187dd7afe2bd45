import type { Descriptor } from '../spec/descriptor.js';
import { isJsonObject, own, type JsonObject } from '../spec/json.js';
import type { Platform } from '../spec/platform.js';
import { tagInName } from '../spec/ref-name.js';

/** The annotation of an index.json entry that holds its tag. https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** The full name of an image, as containerd writes it beside its tag, or alone. https://github.com/containerd/containerd/blob/v2.0.0/core/images/annotations.go */
const IMAGE_NAME = 'io.containerd.image.name';

/** The text of the annotation that holds an entry's tag; whatever it is, but empty. */
export function refName(entry: JsonObject): string | undefined {
  return annotation(entry, REF_NAME);
}

/** What an entry is called by whoever wrote it. Undefined for an entry without a name. */
export function entryName(entry: JsonObject): string | undefined {
  return refName(entry) ?? annotation(entry, IMAGE_NAME);
}

/** The longest name that an entry has. Undefined for an entry without a name. */
export function fullName(entry: JsonObject): string | undefined {
  return annotation(entry, IMAGE_NAME) ?? refName(entry);
}

/** The tag by which an entry can be asked for: its name, or the tag in a full reference that stands there. */
export function entryTag(entry: JsonObject): string | undefined {
  const digest = own(entry, 'digest');
  for (const name of [refName(entry), annotation(entry, IMAGE_NAME)]) {
    const tag = name === undefined ? undefined : tagInName(name, digest);
    if (tag !== undefined) return tag;
  }
  return undefined;
}

/** The entry with its names taken off. What else it says is kept. */
export function withoutNames(entry: JsonObject): JsonObject {
  const annotations = own(entry, 'annotations');
  if (!isJsonObject(annotations)) return entry;
  const rest = Object.entries(annotations).filter(([name]) => name !== REF_NAME && name !== IMAGE_NAME);
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

/** True for an entry that says nothing but what it is: it has no name, and no other annotation. */
export function isBare(entry: JsonObject): boolean {
  const annotations = own(entry, 'annotations');
  return annotations === undefined || (isJsonObject(annotations) && Object.keys(annotations).length === 0);
}

/** Which of the entries that lose their names are the last of their digests; each digest once. */
export function lostOf(named: readonly JsonObject[], others: readonly JsonObject[]): JsonObject[] {
  if (named.length === 0) return [];
  const listed = new Set(others.map((entry) => own(entry, 'digest')));
  return named.filter((entry) => {
    const digest = own(entry, 'digest');
    const isLost = !listed.has(digest);
    listed.add(digest);
    return isLost;
  });
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

function annotation(entry: JsonObject, key: string): string | undefined {
  const annotations = own(entry, 'annotations');
  const text = isJsonObject(annotations) ? own(annotations, key) : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
