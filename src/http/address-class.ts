import { BlockList, isIP, isIPv4 } from 'node:net';

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
    const prefix = Number(bits);
    if (!isIPv4(address)) {
      list.addSubnet(address, prefix, 'ipv6');
      continue;
    }
    list.addSubnet(address, prefix, 'ipv4');
    // the same range written into IPv6: mapped, compatible, NAT64 and 6to4
    for (const written of [`::ffff:${address}`, `::${address}`, `64:ff9b::${address}`]) {
      list.addSubnet(written, 96 + prefix, 'ipv6');
    }
    const hex = Buffer.from(address.split('.').map(Number)).toString('hex');
    list.addSubnet(`2002:${hex.slice(0, 4)}:${hex.slice(4)}::`, 16 + prefix, 'ipv6');
  }
  return list;
}

const loopback = blocks(LOOPBACK);
const linkLocal = blocks(LINK_LOCAL);
const privateBlocks = blocks(PRIVATE);

/**
 * The class of an IPv4 or IPv6 address, also of an IPv4 address written as IPv6 (mapped, NAT64, 6to4). A zone id is
 * ignored. What is no address at all counts as link-local, the class that nothing may be redirected to.
 */
export function addressClass(ip: string): AddressClass {
  const [address = ''] = ip.split('%', 1);
  const version = isIP(address);
  if (version === 0) return 'link-local';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (loopback.check(address, family)) return 'loopback';
  if (linkLocal.check(address, family)) return 'link-local';
  return privateBlocks.check(address, family) ? 'private' : 'public';
}
