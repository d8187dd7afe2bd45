import { describe, expect, it } from 'vitest';

import { nearest } from '../../../src/cli/nearest.js';

describe('a suggestion', () => {
  const words = ['copy', 'digest', 'manifest', 'tags', 'serve'];

  it.each([
    ['cpoy', 'copy'],
    ['copyy', 'copy'],
    ['cop', 'copy'],
    ['digets', 'digest'],
    ['manifests', 'manifest'],
    ['tag', 'tags'],
  ])('for %s is %s', (word, meant) => {
    expect(nearest(word, words)).toBe(meant);
  });

  it.each(['', 'push', 'x', 'inspect', 'constructor'])('for "%s" is not made', (word) => {
    expect(nearest(word, words)).toBeUndefined();
  });
});
