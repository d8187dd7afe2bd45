import { placeKey } from '../content/identity.js';
import type { ContentTarget } from '../content/store.js';
import { formatReference, parseReference, type Reference } from '../spec/reference.js';
import { Address, type Names, type Opening } from './address.js';
import { hasPrefix } from './schemes.js';

/** A repository of a registry: `[registry/]repository[:tag][@digest]`, which is what has no scheme's prefix. */
export class RegistryAddress extends Address {
  readonly repository: string;
  readonly #reference: Reference;

  constructor({ registry, repository, tag, digest }: Reference) {
    super({ tag, digest }, registry);
    this.#reference = { registry, repository };
    const name = formatReference(this.#reference);
    // A registry may be called `oci`, with a port: only the prefix tells it from a layout then.
    this.repository = hasPrefix(name) ? `docker://${name}` : name;
  }

  /** Parses an image reference by Docker's rules. Throws E_REFERENCE, E_ALGORITHM. */
  static parse(text: string): RegistryAddress {
    return new RegistryAddress(parseReference(text));
  }

  named(names: Names): RegistryAddress {
    return new RegistryAddress({ ...this.#reference, ...names });
  }

  key(): Promise<string> {
    const { registry: host, repository } = this.#reference;
    return Promise.resolve(placeKey({ kind: 'registry', host, repository }));
  }

  read(opening: Opening): Promise<ContentTarget> {
    return this.write(opening);
  }

  write(opening: Opening): Promise<ContentTarget> {
    return Promise.resolve(opening.repository(this.#reference));
  }
}
