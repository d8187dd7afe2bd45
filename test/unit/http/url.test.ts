import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isRegferryError } from '../../../src/errors.js';
import { appendQuery, joinLocation, sameOrigin, splitUrl } from '../../../src/http/url.js';

const refused = expect.objectContaining({ code: 'E_REFUSED' }) as Error;

describe('splitUrl', () => {
  it.each([
    ['https://r.example/v2/', 'https://r.example', '/v2/'],
    ['https://R.Example:443/v2/A', 'https://r.example', '/v2/A'],
    ['http://r:80', 'http://r', '/'],
    ['http://r:5000?x=1', 'http://r:5000', '/?x=1'],
    ['https://[::1]:5000/a', 'https://[::1]:5000', '/a'],
    ['https://r/a%2Fb/../c//d?_state=a+b%20~&x=%zz', 'https://r', '/a%2Fb/../c//d?_state=a+b%20~&x=%zz'],
    ['https://r/a#frag', 'https://r', '/a'],
    ['https://r/\u00e9', 'https://r', '/\u00e9'],
    ['http://0x7f.1/', 'http://127.0.0.1', '/'],
  ])('cuts %s without touching its path', (raw, origin, path) => {
    expect(splitUrl(raw)).toEqual({ origin, path });
  });

  it.each([
    'ftp://r/',
    'file:///etc/passwd',
    'r.example/v2/',
    '/v2/',
    '',
    'https://',
    'https://user:pw@r/',
    'https://user@r/',
    'https://r/a b',
    'https://r/a\r\nx: y',
    'https://r\\evil/',
    'https://r\\',
    'https://r:99999/',
    'https://r/\u202e',
  ])('refuses %j', (raw) => {
    expect(() => splitUrl(raw)).toThrow(refused);
  });

  it('does not show a password in its refusal', () => {
    expect(() => splitUrl('https://user:canary@r/?sig=canary')).toThrow(/^(?!.*canary)/);
  });

  it('never throws anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), (raw) => {
        try {
          const { origin, path } = splitUrl(raw);
          return raw.includes(path.slice(1)) && /^https?:\/\//.test(origin);
        } catch (error) {
          return isRegferryError(error) && error.code === 'E_REFUSED';
        }
      }),
    );
  });
});

describe('sameOrigin', () => {
  it.each([
    ['https://r/a', 'https://R:443/b', true],
    ['http://r', 'http://r:80/', true],
    ['https://r', 'http://r', false],
    ['https://r', 'https://r:8443', false],
    ['https://r', 'https://r.evil', false],
    ['nonsense', 'nonsense', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameOrigin(a, b)).toBe(same);
  });
});

describe('joinLocation', () => {
  const base = 'https://r.example:5000/v2/app/blobs/uploads/?mount=x';

  it.each([
    ['https://other/x?_state=a+b%2F~', 'https://other/x?_state=a+b%2F~'],
    ['HTTP://Other/x', 'HTTP://Other/x'],
    ['//other/x', 'https://other/x'],
    ['/v2/app/blobs/uploads/1?_state=a==', 'https://r.example:5000/v2/app/blobs/uploads/1?_state=a=='],
    ['uuid-1', 'https://r.example:5000/v2/app/blobs/uploads/uuid-1'],
    ['./uuid-1', 'https://r.example:5000/v2/app/blobs/uploads/uuid-1'],
    ['../up/uuid-1?a=../b', 'https://r.example:5000/v2/app/blobs/up/uuid-1?a=../b'],
    ['../../../../../../x', 'https://r.example:5000/x'],
    ['?page=2', 'https://r.example:5000/v2/app/blobs/uploads/?page=2'],
    ['r.example/v2/app/blobs/uploads/1', 'https://r.example/v2/app/blobs/uploads/1'],
    ['r.example:5000/v2/app/1', 'https://r.example:5000/v2/app/1'],
    ['[::1]:5000/v2/app/1', 'https://[::1]:5000/v2/app/1'],
    ['localhost/v2/app/1', 'https://localhost/v2/app/1'],
    ['app/v2/1', 'https://r.example:5000/v2/app/blobs/uploads/app/v2/1'],
    ['r.example/v3/1', 'https://r.example:5000/v2/app/blobs/uploads/r.example/v3/1'],
    ['/x#frag', 'https://r.example:5000/x'],
  ])('reads %s', (location, url) => {
    expect(joinLocation(base, location)).toBe(url);
  });

  it('knows the bare name of the host that answered', () => {
    expect(joinLocation('http://registry:5000/v2/a', 'registry:5000/v2/b')).toBe('http://registry:5000/v2/b');
    expect(joinLocation('http://registry/v2/a', 'registry/v2/b')).toBe('http://registry/v2/b');
  });

  it.each([
    '',
    '#x',
    ' /x',
    '/x y',
    '/x\r\nset-cookie: a',
    'javascript:alert(1)',
    'ftp://r/x',
    'https://u:p@r/',
    '/\u0000',
  ])('refuses %j', (location) => {
    expect(() => joinLocation(base, location)).toThrow(refused);
  });

  it('gives a URL that can be sent, or refuses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl()), (location) => {
        try {
          return splitUrl(joinLocation(base, location)).path.startsWith('/');
        } catch (error) {
          return isRegferryError(error) && error.code === 'E_REFUSED';
        }
      }),
    );
  });
});

describe('appendQuery', () => {
  it.each([
    ['https://r/x', 'https://r/x?digest=sha256:a'],
    ['https://r/x?', 'https://r/x?digest=sha256:a'],
    ['https://r/x?_state=a+b%20', 'https://r/x?_state=a+b%20&digest=sha256:a'],
    ['https://r/x?a&', 'https://r/x?a&digest=sha256:a'],
    ['https://r/x#f', 'https://r/x?digest=sha256:a'],
  ])('adds to %s', (url, expected) => {
    expect(appendQuery(url, 'digest=sha256:a')).toBe(expected);
  });
});
