import { RegferryError } from '../errors.js';
import { isJsonObject, ownText, parseJson } from './json.js';
import { printable } from './printable.js';
import { namesOf, refuseOtherCase, type Names } from './spelling.js';

/** An operating system, an architecture and, for some, a variant. https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
}

/** What {@link selectPlatform} looks at in an index entry; every descriptor is one. */
export interface PlatformEntry {
  readonly platform?: Platform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What is read of a platform, in an index as in a configuration. */
export const PLATFORM_NAMES: Names = namesOf('os', 'architecture', 'variant', 'os.version', 'os.features');

const GRAMMAR =
  /^([A-Za-z0-9_-]{1,64})(?:\(([A-Za-z0-9_.-]{1,64})\))?\/([A-Za-z0-9_.-]{1,64})(?:\/([A-Za-z0-9_.-]{1,64}))?(?::([A-Za-z0-9_.-]{1,64}))?$/;

/**
 * Parses `os/arch[/variant][:version]`, as in `linux/arm64/v8` or `windows/amd64:10.0.17763`; the OS version may also stand
 * where containerd writes it, `windows(10.0.17763)/amd64`. Aliases come back as the registered names: `linux/x86_64` is `linux/amd64`,
 * `linux/arm64/v8` is `linux/arm64`, `linux/arm` is `linux/arm/v7`. Throws E_USAGE, also for several values.
 * https://github.com/containerd/platforms/blob/v1.0.0-rc.1/database.go
 */
export function parsePlatform(text: string): Platform {
  if (/[,\s]/.test(text.trim())) {
    const message = `one platform only, not "${printable(text, 100)}": a subset of an index would be a new index with a new digest; copy all of it, or one platform`;
    throw new RegferryError('E_USAGE', message);
  }
  const [, os, version, architecture, variant, behind] = GRAMMAR.exec(text) ?? [];
  if (os === undefined || architecture === undefined || (version !== undefined && behind !== undefined)) {
    const message = `"${printable(text, 100)}" is not a platform: expected os/arch or os/arch/variant, for example linux/arm64, with a Windows version behind it if need be: windows/amd64:10.0.20348.169`;
    throw new RegferryError('E_USAGE', message);
  }
  return normalize({ os, architecture, variant, osVersion: version ?? behind });
}

/** The platform as `os/arch[/variant][:version]`, fit for a message. {@link parsePlatform} reads it back. */
export function formatPlatform(platform: Platform): string {
  const version = platform.osVersion === undefined ? '' : `:${platform.osVersion}`;
  const variant = platform.variant === undefined ? '' : `/${platform.variant}`;
  return printable(`${platform.os}/${platform.architecture}${variant}${version}`, 300);
}

/**
 * True when an image for `have` is what was asked for with `wanted`. Both are normalised first. A missing variant is
 * the architecture's default (arm64: v8, amd64: v1, arm: v7), and only an equal variant matches: `linux/arm/v6` is
 * not `linux/arm/v7`. An OS version is compared only when it was asked for; `10.0.17763` matches `10.0.17763.1`.
 */
export function matchesPlatform(wanted: Platform, have: Platform): boolean {
  const [a, b] = [normalize(wanted), normalize(have)];
  if (isUnknown(b)) return false;
  if (a.os !== b.os || a.architecture !== b.architecture || a.variant !== b.variant) return false;
  if (a.osVersion === undefined) return true;
  return a.osVersion === b.osVersion || (b.osVersion ?? '').startsWith(`${a.osVersion}.`);
}

/**
 * True for what BuildKit hangs into an index beside the images: an entry for `unknown/unknown`, or one annotated
 * as an attestation. https://docs.docker.com/build/metadata/attestations/attestation-storage/
 */
export function isAttestation(entry: PlatformEntry): boolean {
  if (entry.platform !== undefined && isUnknown(normalize(entry.platform))) return true;
  const annotations = entry.annotations;
  if (annotations === undefined || !Object.hasOwn(annotations, 'vnd.docker.reference.type')) return false;
  return annotations['vnd.docker.reference.type'] === 'attestation-manifest';
}

/** The digest of the image that an attestation is about, where it says so, as it stands there. */
export function attestedBy({ annotations }: PlatformEntry): string | undefined {
  return annotations !== undefined && Object.hasOwn(annotations, 'vnd.docker.reference.digest')
    ? annotations['vnd.docker.reference.digest']
    : undefined;
}

/**
 * The entry for one platform among those of an index and of the indexes in it. One that is listed twice is one; of several
 * images that match, it is the one with exactly the OS version that was asked for. Attestations never match.
 * Throws E_NO_SUCH_PLATFORM with a list of what is there, and E_USAGE with a list where several are what was asked for.
 */
export function selectPlatform<T extends PlatformEntry & { readonly digest: string }>(
  entries: readonly T[],
  wanted: Platform,
): T {
  const images = entries.filter((entry) => !isAttestation(entry));
  const matches = oneEach(
    images.filter((entry) => entry.platform !== undefined && matchesPlatform(wanted, entry.platform)),
  );
  const exact = matches.filter((entry) => entry.platform?.osVersion === wanted.osVersion);
  const [first, ...others] = wanted.osVersion !== undefined && exact.length > 0 ? exact : matches;
  if (first === undefined) {
    const listed = list(images.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : [])));
    const offer = listed === '' ? 'the index names no platforms' : `there are: ${listed}`;
    throw new RegferryError('E_NO_SUCH_PLATFORM', `no image for ${formatPlatform(wanted)}; ${offer}`);
  }
  if (others.length === 0) return first;
  const asked = formatPlatform(wanted);
  throw new RegferryError(
    'E_USAGE',
    `${matches.length} images are for ${asked}, so one must be named, by its version or by its digest: ${choices([first, ...others])}`,
  );
}

function oneEach<T extends { readonly digest: string }>(entries: readonly T[]): readonly T[] {
  return [...new Map([...entries].reverse().map((entry) => [entry.digest, entry])).values()].reverse();
}

function choices(entries: readonly (PlatformEntry & { readonly digest: string })[]): string {
  const names = entries.map(({ platform }) => (platform === undefined ? '' : formatPlatform(platform)));
  return list(entries.map(({ digest }, at) => `${names[at] ?? ''} (${digest})`));
}

function list(names: readonly string[]): string {
  return printable([...new Set(names)].join(', '), 1_000);
}

/**
 * The platform that an image's configuration names, or undefined where it names none or is no JSON (artifacts). Throws
 * E_MANIFEST where it names one in another letter case. https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export function platformOfConfig(bytes: Uint8Array): Platform | undefined {
  let config: unknown;
  try {
    config = parseJson(bytes, 'config');
  } catch {
    return undefined;
  }
  if (isJsonObject(config)) refuseOtherCase(config, PLATFORM_NAMES, 'config refused: it');
  return readPlatform(config);
}

/** The platform in an object with `os` and `architecture`; undefined when either is missing. Never throws. */
export function readPlatform(value: unknown): Platform | undefined {
  if (!isJsonObject(value)) return undefined;
  const os = ownText(value, 'os');
  const architecture = ownText(value, 'architecture');
  if (os === undefined || architecture === undefined) return undefined;
  return withoutAbsent({
    os,
    architecture,
    variant: ownText(value, 'variant'),
    osVersion: ownText(value, 'os.version'),
  });
}

function isUnknown(platform: Platform): boolean {
  return platform.os === 'unknown' && platform.architecture === 'unknown';
}

function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    platform.variant?.toLowerCase() ?? '',
  );
  return withoutAbsent({
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    variant: variant === '' ? undefined : variant,
    osVersion: platform.osVersion,
  });
}

/** The table of https://github.com/containerd/platforms/blob/v1.0.0-rc.1/database.go */
function normalizeArchitecture(architecture: string, variant: string): [string, string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'aarch64':
    case 'arm64':
      return ['arm64', variant === '8' || variant === 'v8' ? '' : variant];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      if (variant === '') return ['arm', 'v7'];
      return ['arm', /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

function withoutAbsent(platform: Platform): Platform {
  const { os, architecture, variant, osVersion } = platform;
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}
