import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

import { addressClass, type AddressClass } from './address-class.js';

/** Which addresses a request that leaves its registry may not reach. */
export interface AddressGuard {
  /** Names the rule; connections are shared only under the same one. */
  readonly name: string;
  readonly refuses: readonly AddressClass[];
}

const PUBLIC_ONLY: AddressGuard = { name: 'public-only', refuses: ['loopback', 'private', 'link-local'] };
const NO_LINK_LOCAL: AddressGuard = { name: 'no-link-local', refuses: ['link-local'] };

/**
 * The rule for leaving a registry whose own address is of the given class: from a public registry to public addresses
 * only, from a private or loopback one anywhere but to link-local. `allowPrivate` lifts the former, never the latter.
 * A registry that is link-local itself has no rule.
 */
export function guardFor(registry: AddressClass, allowPrivate: boolean): AddressGuard | undefined {
  if (registry === 'link-local') return undefined;
  return registry === 'public' && !allowPrivate ? PUBLIC_ONLY : NO_LINK_LOCAL;
}

/** A connection that the guard did not let happen. Becomes E_REFUSED where method and URL are known. */
export class AddressRefusal extends Error {
  readonly addressClass: AddressClass;

  constructor(hostname: string, address: string) {
    const reach = addressClass(address);
    super(
      hostname === address ? `${hostname} is ${reach}` : `${hostname} has the ${reach} address ${address}`,
    );
    this.addressClass = reach;
  }
}

/** The refusal of a host that is an IP address, or undefined when it is a name or allowed. */
export function refusedLiteral(guard: AddressGuard, hostname: string): AddressRefusal | undefined {
  if (isIP(hostname) === 0 || !guard.refuses.includes(addressClass(hostname))) return undefined;
  return new AddressRefusal(hostname, hostname);
}

/**
 * A `lookup` for net.connect that leaves out refused addresses. Asking here, in the lookup that the connection itself
 * uses, is what a name that answers differently the second time cannot get around.
 */
export function guardedLookup(guard: AddressGuard, lookup: LookupFunction = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      if (error !== null) {
        callback(error, found, family);
        return;
      }
      const addresses: readonly LookupAddress[] =
        typeof found === 'string' ? [{ address: found, family: family ?? 4 }] : found;
      const allowed = addresses.filter(({ address }) => !guard.refuses.includes(addressClass(address)));
      const [first] = allowed;
      if (first === undefined) {
        callback(new AddressRefusal(hostname, addresses[0]?.address ?? hostname), '', 4);
      } else if (typeof found === 'string') {
        callback(null, first.address, first.family);
      } else {
        callback(null, allowed);
      }
    });
  };
}
