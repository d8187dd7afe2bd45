import { isTag, parseReference } from './reference.js';

/**
 * The tag in the name that somebody gave an image in a layout: a tag as it is, or that of a full reference
 * (`docker.io/foo/bar:1.0.0`, as BuildKit and containerd write them), whose digest, if it has one, must be the image's own.
 * Undefined for any other text: what is no tag never becomes one.
 */
export function tagInName(name: string, digest: unknown): string | undefined {
  if (isTag(name)) return name;
  try {
    const reference = parseReference(name);
    return reference.digest === undefined || reference.digest === digest ? reference.tag : undefined;
  } catch {
    return undefined;
  }
}
