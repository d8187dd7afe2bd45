import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { parseRepository, withoutUser } from '../spec/reference.js';
import type { Address } from './address.js';
import { misread } from './misread.js';
import { RegistryAddress } from './registry-address.js';
import { foreignPrefix, schemeOf } from './schemes.js';

/**
 * Parses an image or a repository of any scheme (see place/schemes.ts), or a reference by Docker's rules.
 * Throws E_REFERENCE, also for places that other tools know and regferry does not, and E_ALGORITHM.
 */
export function parseAddress(text: string): Address {
  const foreign = foreignPrefix(text);
  if (foreign !== undefined) {
    const instead = 'use an image in a registry or an OCI layout folder, oci:FOLDER[:tag]';
    const message = `${foreign} is not supported (in "${printable(text, 200)}"); ${instead}`;
    throw new RegferryError('E_REFERENCE', message);
  }
  const scheme = schemeOf(text);
  if (scheme !== undefined) return scheme.parse(text.slice(scheme.prefix.length));
  const why = misread(text);
  if (why === undefined) return RegistryAddress.parse(text);
  const shown = printable(withoutUser(text), 200);
  throw new RegferryError('E_REFERENCE', `"${shown}" is not an image reference: ${printable(why)}`);
}

/** Parses a repository, which has no tag and digest. Throws E_REFERENCE. */
export function parseRepositoryAddress(text: string): Address {
  const address = parseAddress(text);
  if (address instanceof RegistryAddress) return new RegistryAddress(parseRepository(text));
  if (address.tag === undefined && address.digest === undefined) return address;
  const shown = printable(text, 200);
  const message = `"${shown}": a folder is wanted here, without a tag or digest: ${printable(address.repository, 200)}`;
  throw new RegferryError('E_REFERENCE', message);
}
