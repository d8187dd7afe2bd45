import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { addressClass } from '../../../src/http/address-class.js';

describe('addressClass', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['0.0.0.0', 'loopback'],
    ['::1', 'loopback'],
    ['::', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['2002:7f00:1::', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['fc00::1', 'private'],
    ['255.255.255.255', 'private'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['64:ff9b::169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['febf::1', 'link-local'],
    ['fd00:ec2::254', 'link-local'],
    ['8.8.8.8', 'public'],
    ['172.32.0.1', 'public'],
    ['172.15.255.255', 'public'],
    ['100.128.0.1', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['2002:808:808::', 'public'],
    ['::ffff:0:169.254.169.254', 'link-local'],
    ['64:ff9b:1::169.254.169.254', 'link-local'],
    ['64:ff9b:1:a9fe:a9:fe00::', 'link-local'],
    ['64:ff9b:1:aba9:fe:a9fe::', 'link-local'],
    ['64:ff9b:1:abcd:a9:fea9:fe00:0', 'link-local'],
    ['64:ff9b:1::10.0.0.1', 'private'],
    ['64:ff9b:1::127.0.0.1', 'loopback'],
    ['64:ff9b:1::8.8.8.8', 'public'],
    ['2001:0:808:808:0:0:5601:5601', 'link-local'],
    ['2001:0:a9fe:a9fe::f7f7:f7f7', 'link-local'],
    ['2001:0:808:808:8000:ffff:80ff:fffe', 'loopback'],
    ['2001:0:808:808:8000:ffff:f7f7:f7f7', 'public'],
    ['2001:db8::5efe:169.254.169.254', 'link-local'],
    ['2001:db8:1:2:200:5efe:a9fe:a9fe', 'link-local'],
    ['2001:db8::5efe:192.168.1.1', 'private'],
    ['2001:db8::5efe:8.8.8.8', 'public'],
    ['2001:4860::a9fe:a9fe', 'public'],
    ['not an address', 'link-local'],
    ['', 'link-local'],
  ])('%s is %s', (ip, expected) => {
    expect(addressClass(ip)).toBe(expected);
  });

  it('judges an IPv4 address alike however it is written', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        const hex = Buffer.from(ip.split('.').map(Number)).toString('hex');
        const words = `${hex.slice(0, 4)}:${hex.slice(4)}`;
        const classes = [
          ip,
          `::ffff:${ip}`,
          `::ffff:${words}`,
          `64:ff9b::${words}`,
          `2002:${words}::`,
          `64:ff9b:1::${words}`,
          `2001:db8::5efe:${words}`,
        ].map(addressClass);
        return new Set(classes).size === 1;
      }),
    );
  });
});
