import { describe, expect, it } from 'vitest';

import { editDistance } from '../../../src/spec/edit-distance.js';
import { nearTags } from '../../../src/spec/near-tags.js';

describe('the tags that are nearest', () => {
  const versions = ['latest', '1.4.1', '1.4.3', '1.5.2', '2.4.2', '1.4.2-alpine', '3.0.0'];

  it.each([
    ['1.4.2', versions, ['1.4.2-alpine', '1.4.1', '1.4.3', '1.5.2', '2.4.2']],
    ['v2', ['v1.1', 'v1'], ['v1', 'v1.1']],
    ['Latest', ['prod', 'latest'], ['latest', 'prod']],
    ['v1.2', ['1.3', '1.2'], ['1.2', '1.3']],
    ['1.2.9', ['1.2.1', '1.2.10'], ['1.2.10', '1.2.1']],
    ['prdo', ['dev', 'prod'], ['prod', 'dev']],
    ['1.2', ['2.2', '1.2.0'], ['1.2.0', '2.2']],
    ['main-3f2a1', ['main-99', 'main-3f2a1b7c'], ['main-3f2a1b7c', 'main-99']],
    ['x', [], []],
  ])('to %s', (wanted, tags, near) => {
    expect(nearTags(wanted, tags)).toEqual(near);
  });

  it('are at most five', () => {
    const tags = Array.from({ length: 40 }, (_, at) => `1.${at}`);
    expect(nearTags('1.20.1', tags)).toHaveLength(5);
    expect(nearTags('1.20.1', tags)[0]).toBe('1.20');
  });

  it('are found soon in a list that is made to be slow', () => {
    const tags = Array.from({ length: 100_000 }, (_, at) => `${'ab'.repeat(61)}${at}`.slice(-128));
    const started = performance.now();
    nearTags('ba'.repeat(64), tags);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

describe('the distance of two words', () => {
  it.each([
    ['kitten', 'sitting', 3],
    ['abcd', 'acbd', 1],
    ['abcdef', 'uvwxyz', Infinity],
    ['a', 'abcdef', Infinity],
  ])('%s and %s is counted up to a limit', (from, to, distance) => {
    expect(editDistance(from, to, 4)).toBe(distance);
  });
});
