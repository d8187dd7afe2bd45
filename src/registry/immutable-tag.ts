import type { Op } from '../content/store.js';
import { RegferryError, detailsOf, isRegferryError, throwIfAborted } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { isDigest } from '../spec/digest.js';
import type { RepositoryContext } from './context.js';
import { resolveManifest } from './manifests.js';

/** Statuses with which registries guard a name that is taken; most of them mean other things as well. */
const MAYBE: readonly number[] = [400, 403, 405, 409, 412];
const CODES: readonly string[] = [
  'TAG_INVALID',
  'TAG_IMMUTABLE',
  'TAG_ALREADY_EXISTS',
  'REGISTRY_DISALLOWED_OPERATION',
];

/**
 * What a refused PUT of a manifest means, found out by asking for the name: registries with immutable tags refuse even
 * the digest that the tag has already (ECR 400 TAG_INVALID, Harbor 412, Quay 409 TAG_IMMUTABLE, ACR 405
 * REGISTRY_DISALLOWED_OPERATION: aws/containers-roadmap#2179, moby/buildkit#3776), as happens when the answer to the
 * write before was lost. Resolves if the name stands for the manifest. Throws E_IMMUTABLE_TAG if it stands for another
 * one and the refusal is of that kind, else `refusal`.
 */
export async function settleRefusal(
  context: RepositoryContext,
  wanted: Descriptor,
  name: string,
  refusal: RegferryError,
  op: Op,
): Promise<void> {
  if (!MAYBE.includes(refusal.status ?? 0)) throw refusal;
  if (refusal.status === 400 && !guardsTag(refusal)) throw refusal;
  const held = await lookUp(context, name, op);
  if (held === wanted.digest) return;
  if (held === undefined || isDigest(name) || !guardsTag(refusal)) throw refusal;
  const { registry, side } = context.client;
  throw new RegferryError(
    'E_IMMUTABLE_TAG',
    `${registry}/${context.repository}:${name} cannot be overwritten: it is ${held} and was to become ${wanted.digest}; ${refusal.message}`,
    { ...detailsOf(refusal), side, digest: wanted.digest, cause: refusal },
  );
}

function guardsTag({ status, registryCodes }: RegferryError): boolean {
  if (registryCodes.some((code) => CODES.includes(code))) return true;
  return status === 412 || (status === 409 && registryCodes.length === 0);
}

async function lookUp(context: RepositoryContext, name: string, op: Op): Promise<string | undefined> {
  try {
    const key = isDigest(name) ? { digest: name } : { tag: name };
    return (await resolveManifest(context, key, { ...op, certainty: 'proved' }))?.digest;
  } catch (error) {
    throwIfAborted(op.signal);
    if (isRegferryError(error)) return undefined;
    throw error;
  }
}
