import { BlockList, isIP } from 'node:net';

/** How far an address reaches. Link-local includes the cloud metadata services. */
export type AddressClass = 'loopback' | 'private' | 'link-local' | 'public';

const LOOPBACK = ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'];
// fd00:ec2::254 is the IPv6 form of 169.254.169.254 at AWS
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'];
// RFC 1918, CGNAT, ULA, site-local; then what is no unicast address of the public internet either
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  ...['192.0.0.0/24', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8'],
];

function blocks(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits = ''] = range.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** From the closest on: of several that an address may mean, the first counts. */
const CLASSES = [
  ['link-local', blocks(LINK_LOCAL)],
  ['loopback', blocks(LOOPBACK)],
  ['private', blocks(PRIVATE)],
] as const;

/**
 * The class of an IPv4 or IPv6 address, also of an IPv4 address written as IPv6 (mapped, compatible, translated, NAT64,
 * 6to4, Teredo, ISATAP). A zone id is ignored. What is no address at all counts as link-local, the class that nothing may
 * be redirected to.
 */
export function addressClass(ip: string): AddressClass {
  const [address = ''] = ip.split('%', 1);
  const version = isIP(address);
  if (version === 0) return 'link-local';
  const ipv4 = version === 4 ? [address] : writtenIn(bytesOf(address));
  const found = CLASSES.find(
    ([, list]) =>
      (version === 6 && list.check(address, 'ipv6')) || ipv4.some((written) => list.check(written, 'ipv4')),
  );
  return found?.[0] ?? 'public';
}

/** The sixteen bytes of an IPv6 address. */
function bytesOf(address: string): Buffer {
  // A URL spells it in groups of hexadecimal digits, without dots.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const [front, back] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const groups = [...(front ?? []), ...(back ?? [])];
  const zeros = Array.from({ length: 8 - groups.length }, () => '0');
  const all = [...(front ?? []), ...zeros, ...(back ?? [])];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** The IPv4 addresses that an IPv6 address leads to, by the ways of writing one into the other. */
function writtenIn(bytes: Buffer): readonly string[] {
  const hex = bytes.toString('hex');
  const last = dotted(bytes.subarray(12));
  // compatible (RFC 4291 2.5.5.1), mapped (2.5.5.2), translated (RFC 2765 2.1), NAT64 (RFC 6052 2.1)
  if (/^(?:0{24}|0{20}ffff|0{16}ffff0000|0064ff9b0{16})/.test(hex)) return [last];
  // NAT64 of a site (RFC 8215), with the prefix of any length that this leaves (RFC 6052 2.2)
  if (hex.startsWith('0064ff9b0001')) return [last, ...spread(bytes)];
  // 6to4 (RFC 3056 2)
  if (hex.startsWith('2002')) return [dotted(bytes.subarray(2, 6))];
  // Teredo (RFC 4380 4): the server, and the client with all bits turned over
  if (hex.startsWith('20010000')) {
    return [dotted(bytes.subarray(4, 8)), dotted(bytes.subarray(12).map((byte) => byte ^ 0xff))];
  }
  // ISATAP (RFC 5214 6.1), under any prefix
  return /^.{16}0[02]005efe/.test(hex) ? [last] : [];
}

/** Under prefixes of 48, 56 and 64 bits, around the byte that is always zero; those of which nothing is set are none. */
function spread(bytes: Buffer): readonly string[] {
  return [6, 7, 8]
    .map((start) => [...bytes.subarray(start, 8), ...bytes.subarray(9, start + 5)].slice(0, 4))
    .filter(([first]) => first !== 0)
    .map(dotted);
}

function dotted(bytes: Iterable<number>): string {
  return [...bytes].join('.');
}
