/**
 * An address as far as clients are told apart by it: of IPv6 the first half, since whoever has one address there has
 * 2^64 of them. IPv4 that is spelled as IPv6 (`::ffff:192.0.2.1`) is IPv4.
 */
export function clientAddress(address: string | undefined): string {
  const text = (address ?? '').replace(/%.*$/, '');
  const [, v4] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text) ?? [];
  if (v4 !== undefined || !text.includes(':')) return v4 ?? text;
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - behind.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...behind];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
