import { RegferryError } from '../errors.js';
import { isJsonObject, ownText, parseJson } from './json.js';
import { printable } from './printable.js';

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

const GRAMMAR =
  /^([A-Za-z0-9_-]{1,64})(?:\(([A-Za-z0-9_.-]{1,64})\))?\/([A-Za-z0-9_.-]{1,64})(?:\/([A-Za-z0-9_.-]{1,64}))?$/;

/**
 * Parses `os/arch[/variant]`, as in `linux/arm64/v8`, or with an OS version as containerd writes it,
 * `windows(10.0.17763)/amd64`. Aliases come back as the registered names: `linux/x86_64` is `linux/amd64`,
 * `linux/arm64/v8` is `linux/arm64`, `linux/arm` is `linux/arm/v7`. Throws E_USAGE, also for several values.
 * https://github.com/containerd/platforms/blob/v1.0.0-rc.1/database.go
 */
export function parsePlatform(text: string): Platform {
  if (/[,\s]/.test(text.trim())) {
    const message = `one platform only, not "${printable(text, 100)}": a subset of an index would be a new index with a new digest; copy all of it, or one platform`;
    throw new RegferryError('E_USAGE', message);
  }
  const [, os, osVersion, architecture, variant] = GRAMMAR.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    const message = `"${printable(text, 100)}" is not a platform: expected os/arch or os/arch/variant, for example linux/arm64`;
    throw new RegferryError('E_USAGE', message);
  }
  return normalize({ os, architecture, variant, osVersion });
}

/** The platform as `os[(version)]/arch[/variant]`, fit for a message. */
export function formatPlatform(platform: Platform): string {
  const version = platform.osVersion === undefined ? '' : `(${platform.osVersion})`;
  const variant = platform.variant === undefined ? '' : `/${platform.variant}`;
  return printable(`${platform.os}${version}/${platform.architecture}${variant}`, 300);
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

/**
 * The entry of an index for one platform: of several that match, one with exactly the OS version that was asked for,
 * else the first. Attestations never match, and nested indexes are not descended into.
 * Throws E_NO_SUCH_PLATFORM with a list of what is there.
 */
export function selectPlatform<T extends PlatformEntry>(entries: readonly T[], wanted: Platform): T {
  const images = entries.filter((entry) => !isAttestation(entry));
  const matches = images.filter((entry) => entry.platform && matchesPlatform(wanted, entry.platform));
  const best = matches.find((entry) => entry.platform?.osVersion === wanted.osVersion) ?? matches[0];
  if (best !== undefined) return best;
  const there = new Set(images.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : [])));
  const listed = printable([...there].join(', '), 1_000);
  const offer = there.size === 0 ? 'the index names no platforms' : `there are: ${listed}`;
  throw new RegferryError('E_NO_SUCH_PLATFORM', `no image for ${formatPlatform(wanted)}; ${offer}`);
}

/**
 * The platform that an image's configuration names, or undefined where it names none or is no JSON (artifacts).
 * Never throws. https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export function platformOfConfig(bytes: Uint8Array): Platform | undefined {
  try {
    return readPlatform(parseJson(bytes, 'config'));
  } catch {
    return undefined;
  }
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
