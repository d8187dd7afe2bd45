import { describe, expect, it } from 'vitest';

import type { HttpResponse } from '../../../src/http/message.js';
import { handedLocation } from '../../../src/registry/location.js';

function answeredBy(url: string): HttpResponse {
  return { url } as HttpResponse;
}

const post = 'https://registry.test/v2/app/blobs/uploads/';

describe('a location that a registry hands out', () => {
  it.each([
    [
      '/v2/app/blobs/uploads/1?_state=a%2Fb~+c==&x',
      'https://registry.test/v2/app/blobs/uploads/1?_state=a%2Fb~+c==&x',
    ],
    ['1?_state=x', 'https://registry.test/v2/app/blobs/uploads/1?_state=x'],
    ['https://upload.test:8443/u%2F1', 'https://upload.test:8443/u%2F1'],
    ['//upload.test/u', 'https://upload.test/u'],
    ['registry.test/v2/app/blobs/uploads/1', 'https://registry.test/v2/app/blobs/uploads/1'],
    ['/u/1#fragment', 'https://registry.test/u/1'],
  ])('%s is used byte for byte', (location, url) => {
    expect(handedLocation(answeredBy(post), location)).toBe(url);
  });

  it('with http on the same https host is put right', () => {
    expect(handedLocation(answeredBy(post), 'http://registry.test/u/1?a=%2b')).toBe(
      'https://registry.test/u/1?a=%2b',
    );
    const port = 'https://registry.test:5000/v2/';
    expect(handedLocation(answeredBy(port), 'http://registry.test:5000/u')).toBe(
      'https://registry.test:5000/u',
    );
  });

  it.each(['http://upload.test/u', 'http://registry.test:8080/u'])(
    '%s is refused after https',
    (location) => {
      expect(() => handedLocation(answeredBy(post), location)).toThrow(/refused/);
    },
  );

  it('with http stays http after http', () => {
    expect(handedLocation(answeredBy('http://registry.test/v2/'), 'http://registry.test/u')).toBe(
      'http://registry.test/u',
    );
  });

  it.each(['ftp://registry.test/u', 'https://user:password@registry.test/u', '/a b', '/a\r\nx: y'])(
    '%j is refused',
    (location) => {
      expect(() => handedLocation(answeredBy(post), location)).toThrow(/refused/);
    },
  );
});
