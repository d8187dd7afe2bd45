import { RegferryError } from '../errors.js';
import { parseDigest } from './digest.js';
import type { Digest } from './digest.js';
import { printable } from './printable.js';

/** An image's name: where it is, and which one. `registry` is spelled as the user spelled it, `docker.io` for Docker Hub. */
export interface Reference {
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** Docker Hub's name in references. Its API lives at another host. */
const DOCKER_HUB = 'docker.io';
const HUB_ALIASES: ReadonlySet<string> = new Set([DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io']);

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9A-Fa-f:]+\\])(?::([0-9]{1,5}))?$`);
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** No valid reference comes near it; it keeps the grammar's work small. */
const LONGEST = 1_000;
const LONGEST_PATH = 255;
const MOST_PORT = 65_535;
const LONGEST_DOMAIN = 261;

/**
 * Parses `[registry/]repository[:tag][@digest]` by Docker's rules. What is in front of the first slash is a registry
 * only if it has a dot, a colon or an upper-case letter, or is `localhost`; Docker Hub stands in otherwise. No tag is
 * filled in. `docker://` in front is accepted. Throws E_REFERENCE, or E_ALGORITHM for a digest of another algorithm.
 * https://github.com/distribution/reference/blob/v0.6.0/reference.go
 */
export function parseReference(text: string): Reference {
  const rest = text.startsWith('docker://') ? text.slice('docker://'.length) : text;
  if (rest === '') throw bad(text, 'it is empty');
  if (rest.length > LONGEST) throw bad(text, 'it is too long');
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(rest)?.[0];
  if (scheme !== undefined) throw bad(text, `leave out ${scheme}`);
  if (/^[0-9a-f]{64}$/.test(rest))
    throw bad(text, 'this is an image id; write repository@sha256:… for a digest');

  const at = rest.indexOf('@');
  if (at !== rest.lastIndexOf('@')) throw bad(text, 'there is more than one @');
  const named = at < 0 ? rest : rest.slice(0, at);
  const digest = at < 0 ? undefined : parseDigestPart(rest.slice(at + 1), text);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  if (colon >= 0 && named.startsWith('[') && !named.includes('/'))
    throw bad(text, `the repository is missing; did you mean ${shown(named)}/REPO?`);
  const tag = colon < 0 ? undefined : parseTagPart(named.slice(colon + 1), text);
  const name = parseName(colon < 0 ? named : named.slice(0, colon), text);
  return { ...name, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The reference in full, as in `docker.io/library/alpine:3.20@sha256:…`. {@link parseReference} reads it back. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** True for what {@link parseTag} would return. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Checks a tag: up to 128 of letters, digits, `_`, `.`, `-`, not starting with `.` or `-`. Throws E_REFERENCE. */
export function parseTag(text: string): string {
  if (isTag(text)) return text;
  const rule = 'a tag has up to 128 letters, digits, "_", "." and "-", and starts with none of the last two';
  throw new RegferryError('E_REFERENCE', `"${printable(text, 160)}" is not a tag: ${rule}`);
}

/** Parses `[registry/]repository`, without tag and digest. Throws E_REFERENCE. */
export function parseRepository(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) throw badRepository(text, 'leave out the digest');
  if (reference.tag === undefined) return reference;
  // `localhost:5000` reads as an image with a tag by Docker's rules, though it rarely is meant so.
  const port = !text.includes('/') && /^[0-9]{2,5}$/.test(reference.tag);
  throw badRepository(text, port ? 'the repository is missing after the registry' : 'leave out the tag');
}

/** Checks the path of a repository in its registry, such as `library/alpine`. Throws E_REFERENCE. */
export function parseRepositoryPath(text: string): string {
  if (text.length <= LONGEST_PATH && PATH.test(text)) return text;
  throw badRepository(text, text.length > LONGEST_PATH ? 'it is too long' : whyNotPath(text));
}

/** True when two registry names are the same registry, however they are spelled; see {@link canonicalRegistry}. */
export function sameRegistry(a: string, b: string): boolean {
  return canonicalRegistry(a) === canonicalRegistry(b);
}

/**
 * One spelling for all names of a registry: letter case, Docker Hub's other names, https' port 443, zeros in front of a
 * port and the ways to write an IP address make no difference. For comparing alone; what is no host comes back in lower case.
 */
export function canonicalRegistry(registry: string): string {
  const url = `https://${registry}/`;
  const host = DOMAIN.test(registry) && URL.canParse(url) ? new URL(url).host : registry.toLowerCase();
  return HUB_ALIASES.has(host) ? DOCKER_HUB : host;
}

function parseName(name: string, text: string): Reference {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = first === 'localhost' || /[.:A-Z]/.test(first);
  const domain = isDomain ? first : DOCKER_HUB;
  const path = isDomain ? name.slice(slash + 1) : name;
  const port = DOMAIN.exec(domain.length > LONGEST_DOMAIN ? '' : domain);
  if (port === null && /^[^:]+:[0-9]{6,}$/.test(domain)) throw bad(text, `a port is at most ${MOST_PORT}`);
  if (port === null)
    throw bad(text, 'the registry is not a host name or a bracketed IPv6 address with an optional port');
  if (Number(port[1] ?? 443) > MOST_PORT) throw bad(text, `a port is at most ${MOST_PORT}`);
  if (Number(port[1] ?? 443) < 1 || !URL.canParse(`https://${domain}/`)) {
    throw bad(text, 'the registry is not a host that can be reached');
  }
  const registry = HUB_ALIASES.has(domain.toLowerCase()) ? DOCKER_HUB : domain;
  if (path === '' && isDomain)
    throw bad(text, `the repository is missing; did you mean ${shown(registry)}/REPO?`);
  if (!PATH.test(path)) throw bad(text, whyNotPath(path));
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  if (repository.length > LONGEST_PATH) {
    throw bad(text, `a repository has at most ${LONGEST_PATH} characters`);
  }
  return { registry, repository };
}

function whyNotPath(path: string): string {
  if (path === '') return 'the repository is missing';
  if (/[A-Z]/.test(path)) return 'a repository is written in lower case';
  return 'a repository has parts of a-z and 0-9 between slashes, joined by one ".", "_", "__" or dashes';
}

function parseTagPart(tag: string, text: string): string {
  if (isTag(tag)) return tag;
  throw bad(
    text,
    tag === ''
      ? 'the tag is missing after the colon'
      : 'the tag is not valid (up to 128 of A-Z a-z 0-9 _ . -)',
  );
}

function parseDigestPart(digest: string, text: string): Digest {
  if (digest.includes('/'))
    throw bad(text, 'a user name or password in front of an @ does not belong in it: leave them out');
  if (digest === '' || !/^[a-z0-9+._-]+:[^/]/i.test(digest))
    throw bad(text, 'a digest like sha256:… must follow the @');
  return parseDigest(digest);
}

function bad(text: string, why: string): RegferryError {
  const expected = 'expected [registry/]repository[:tag][@digest]';
  return new RegferryError('E_REFERENCE', `"${shown(text)}" is not an image reference: ${why}; ${expected}`);
}

function badRepository(text: string, why: string): RegferryError {
  return new RegferryError(
    'E_REFERENCE',
    `"${shown(text)}" is not a repository: ${why}; expected [registry/]repository`,
  );
}

function shown(text: string): string {
  return printable(withoutUser(text), 200);
}

/** An image with its registry in front: the colons in it are those of a port and a tag. */
const HOSTED = new RegExp(
  `^(?:docker://)?(?:localhost|${LABEL}(?:\\.${LABEL})+|\\[[0-9A-Fa-f:]+\\])(?::[0-9]{1,5})?/${COMPONENT}(?:/${COMPONENT})*(?::[A-Za-z0-9._-]+)?$`,
);
/** What could be no registry behind the @ of a login, but the beginning of a digest, or a tag. */
const NO_REGISTRY = /^(?!localhost$)[^/.:]*$/i;
/** The digits of a digest, or the first of them. */
const HEX = /^[0-9a-f]{12,128}$/;

/**
 * What may be shown of a text that was meant for a reference. Someone may have written `user:password@registry`: what is
 * in front of the @ stays out, unless its colons can only be those of a port and a tag, as in `localhost:5000/app:1@latest`.
 */
export function withoutUser(text: string): string {
  const user = /^.*@(?!sha[0-9][^/.]*$)/is.exec(text)?.[0] ?? '';
  return user.includes(':') && !isName(user.slice(0, -1), text.slice(user.length))
    ? `***@${text.slice(user.length)}`
    : text;
}

/** True where what is in front of the @ is the name of an image, with a bad digest behind it. */
function isName(named: string, behind: string): boolean {
  if (named.length > LONGEST || !NO_REGISTRY.test(behind)) return false;
  if (HOSTED.test(named)) return true;
  const [name = '', tag, ...more] = named.split(':');
  // With neither a registry nor a digest it may as well be `user:password@host`.
  return HEX.test(behind) && PATH.test(name) && tag !== undefined && TAG.test(tag) && more.length === 0;
}
