import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { proxyFor } from '../../../src/http/proxy-rules.js';

const rules = { http: 'http://plain.example:3128', https: 'http://secure.example:3128' };

function direct(origin: string, no: string): boolean {
  return proxyFor(origin, { ...rules, no }) === undefined;
}

describe('proxyFor', () => {
  it('goes by the scheme of the origin, without falling back to the other', () => {
    expect(proxyFor('http://r.example', rules)).toEqual({ url: 'http://plain.example:3128' });
    expect(proxyFor('https://r.example', rules)).toEqual({ url: 'http://secure.example:3128' });
    expect(proxyFor('https://r.example', { http: rules.http })).toBeUndefined();
    expect(proxyFor('http://r.example', { https: rules.https, http: ' ' })).toBeUndefined();
  });

  it.each([
    'http://localhost:5000',
    'http://a.localhost',
    'https://127.0.0.1',
    'https://127.9.9.9:5000',
    'http://[::1]:5000',
  ])('never asks a proxy for %s', (origin) => {
    expect(direct(origin, '')).toBe(true);
  });

  it.each([
    ['https://r.example', '*'],
    ['https://r.example', 'r.example'],
    ['https://R.Example', 'r.EXAMPLE'],
    ['https://sub.r.example', 'r.example'],
    ['https://sub.r.example', '.r.example'],
    ['https://sub.r.example', '*.r.example'],
    ['https://r.example', 'r.example.'],
    ['https://r.example', 'a.example, b.example ,r.example'],
    ['https://r.example', 'a.example r.example'],
    ['https://r.example', 'r.example:443'],
    ['http://r.example', 'r.example:80'],
    ['https://r.example:5000', 'r.example:5000'],
    ['https://sub.r.example:5000', '.r.example:5000'],
    ['https://10.1.2.3', '10.1.2.3'],
    ['https://10.1.2.3:5000', '10.1.2.3:5000'],
    ['https://10.1.2.3', '10.0.0.0/8'],
    ['https://10.1.2.3', '0.0.0.0/0'],
    ['https://[fd00::1]', 'fd00::1'],
    ['https://[fd00::1]:5000', '[fd00::1]:5000'],
    ['https://[fd00::1]', '[fd00::1]'],
    ['https://[fd00::1]', 'fd00::/8'],
    ['https://[fd00::1]', 'FD00:0:0::1'],
  ])('is direct for %s under NO_PROXY=%s', (origin, no) => {
    expect(direct(origin, no)).toBe(true);
  });

  it.each([
    ['https://r.example', ''],
    ['https://r.example', ' , '],
    ['https://xr.example', 'r.example'],
    ['https://r.example.org', 'r.example'],
    ['https://r.example', '.r.example'],
    ['https://r.example', '*.r.example'],
    ['https://r.example', 'r.example:5000'],
    ['https://r.example:5000', 'r.example:443'],
    ['https://r.example', '.'],
    ['https://r.example', ':443'],
    ['https://11.1.2.3', '10.0.0.0/8'],
    ['https://10.1.2.3', '10.0.0.0/99'],
    ['https://10.1.2.3', '10.0.0.0/x'],
    ['https://10.1.2.3', 'fd00::/8'],
    ['https://10.1.2.3', '1.2.3'],
    ['https://r.example', '10.0.0.0/8'],
    ['https://r.example', '/'],
    ['https://[fd00::1]', 'fe00::/8'],
  ])('goes through the proxy for %s under NO_PROXY=%s', (origin, no) => {
    expect(direct(origin, no)).toBe(false);
  });

  it('takes the login out of the address, decoded', () => {
    const proxy = proxyFor('https://r.example', { https: 'http://me:p%40s%3As@proxy.example:3128/' });
    expect(proxy).toEqual({
      url: 'http://proxy.example:3128',
      authorization: `Basic ${Buffer.from('me:p@s:s').toString('base64')}`,
    });
  });

  it.each([
    ['proxy.example:3128', 'http://proxy.example:3128'],
    ['proxy.example', 'http://proxy.example'],
    ['https://proxy.example:3129', 'https://proxy.example:3129'],
    ['[::1]:3128', 'http://[::1]:3128'],
  ])('understands %s', (value, url) => {
    expect(proxyFor('https://r.example', { https: value })?.url).toBe(url);
  });

  it.each([
    'socks5://canary@proxy',
    'http://',
    'http://me:canary@[',
    'http://me:%zz-canary@proxy',
    'ftp://canary',
  ])('refuses %s without showing it', (value) => {
    let thrown: unknown;
    try {
      proxyFor('https://r.example', { https: value });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'E_CONFIG' });
    expect(inspect(thrown)).toContain('HTTPS_PROXY');
    expect(inspect(thrown, { depth: 10 }).split('    at ')[0]).not.toContain('canary');
  });
});
