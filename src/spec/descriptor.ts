import type { Digest } from './digest.js';
import type { Platform } from './platform.js';

/**
 * A reference to content: its type, digest and size, and where an index names a platform, that.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Size in bytes. -1 only where a server did not tell (see ContentSource.resolve). */
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
}
