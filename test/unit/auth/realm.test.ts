import { describe, expect, it } from 'vitest';

import { isTrustedRealm, resolveRealm } from '../../../src/auth/realm.js';

describe('resolveRealm', () => {
  it.each([
    ['https://auth.docker.io/token', 'https://registry-1.docker.io', 'https://auth.docker.io/token', true],
    ['https://r.example:8443/token?a=%2F', 'https://r.example', 'https://r.example:8443/token?a=%2F', false],
    ['/service/token', 'https://r.example:5000', 'https://r.example:5000/service/token', false],
    ['http://auth.example/token', 'http://r.example', 'http://auth.example/token', true],
    ['https://auth.example/token#x', 'http://r.example', 'https://auth.example/token', true],
    ['https://10.0.0.6/token', 'https://10.0.0.5', 'https://10.0.0.6/token', true],
    ['https://10.0.0.6/token', 'https://registry.corp', 'https://10.0.0.6/token', true],
    ['http://127.0.0.1:9/t', 'http://localhost:5000', 'http://127.0.0.1:9/t', true],
    ['http://169.254.1.2/t', 'http://169.254.1.2', 'http://169.254.1.2/t', false],
  ])('accepts %s from %s', (realm, origin, url, foreign) => {
    expect(resolveRealm(realm, origin)).toMatchObject({ url, foreign });
  });

  it.each([
    ['http://auth.example/token', 'https://r.example', /not https/],
    ['http://r.example/token', 'https://r.example', /not https/],
    ['ftp://r.example/token', 'http://r.example', /not https/],
    ['file:///etc/passwd', 'http://r.example', /not https/],
    ['https://user:canary@auth.example/', 'https://r.example', /login in its address/],
    ['https://', 'https://r.example', /not a URL/],
    ['https://[::1', 'https://r.example', /not a URL/],
    ['http://169.254.169.254/latest', 'http://r.example', /link-local/],
    ['http://169.254.169.254/latest', 'http://10.0.0.1', /link-local/],
    ['https://[fe80::1]/t', 'https://r.example', /link-local/],
    ['https://[::ffff:169.254.169.254]/t', 'https://r.example', /link-local/],
    ['http://0xa9fea9fe/t', 'http://r.example', /link-local/],
    ['https://127.0.0.1/t', 'https://8.8.8.8', /private network/],
    ['https://localhost/t', 'https://8.8.8.8', /private network/],
    ['https://10.1.2.3/t', 'https://8.8.8.8:5000', /private network/],
    ['https://[fd00::1]/t', 'https://8.8.8.8', /private network/],
  ])('refuses %s from %s', (realm, origin, message) => {
    expect(() => resolveRealm(realm, origin)).toThrow(message);
    expect(() => resolveRealm(realm, origin)).toThrow(/^(?!.*canary)/);
  });

  it('lets a private address pass when asked, but never a link-local one', () => {
    expect(resolveRealm('https://10.1.2.3/t', 'https://8.8.8.8', true).host).toBe('10.1.2.3');
    expect(() => resolveRealm('https://169.254.169.254/t', 'https://8.8.8.8', true)).toThrow(/link-local/);
  });
});

describe('isTrustedRealm', () => {
  const realm = resolveRealm('https://auth.example/token', 'https://r.example');

  it('takes exactly the listed hosts', () => {
    expect(isTrustedRealm(realm, ['other', 'AUTH.example'])).toBe(true);
    expect(isTrustedRealm(realm, ['auth.example:443'])).toBe(true);
    for (const host of ['example', 'auth.example:8443', 'auth.example.org', 'xauth.example', '*', '']) {
      expect(isTrustedRealm(realm, [host])).toBe(false);
    }
  });

  it('always takes the registry itself', () => {
    expect(isTrustedRealm(resolveRealm('/token', 'https://r.example'), [])).toBe(true);
  });
});
