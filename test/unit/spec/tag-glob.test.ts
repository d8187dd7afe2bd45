import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isRegferryError } from '../../../src/errors.js';
import { parseTagGlob, tagFilter } from '../../../src/spec/tag-glob.js';

const tags = ['1', '1.2', '1.20', 'v1', 'v1.2', 'v2', 'latest', `sha256-${'a'.repeat(64)}.sig`, '_x-y'];

function fitting(pattern: string): string[] {
  return tags.filter(parseTagGlob(pattern));
}

describe('a tag pattern', () => {
  it.each([
    ['*', tags],
    ['**', tags],
    ['v1', ['v1']],
    ['1', ['1']],
    ['v*', ['v1', 'v1.2', 'v2']],
    ['*.2', ['1.2', 'v1.2']],
    ['*1*2*', ['1.2', '1.20', 'v1.2']],
    ['v?', ['v1', 'v2']],
    ['?', ['1']],
    ['???', ['1.2']],
    ['[0-9]*', ['1', '1.2', '1.20']],
    ['[!0-9]*', ['v1', 'v1.2', 'v2', 'latest', tags[7], '_x-y']],
    ['v[12]', ['v1', 'v2']],
    ['v[3-9a]', []],
    ['_x[-]y', ['_x-y']],
    ['_x[a-]y', ['_x-y']],
    ['1[.]2', ['1.2']],
    ['1.2', ['1.2']],
    ['sha256-*', [tags[7]]],
    ['sha256-*.sig', [tags[7]]],
    ['LATEST', []],
  ])('%s is for whole tags', (pattern, expected) => {
    expect(fitting(pattern)).toEqual(expected);
  });

  it.each([
    ['', 'it is empty'],
    ['v[12', 'a [ has no ] after it'],
    ['v[]', 'there is nothing between [ and ]'],
    ['v[!]', 'there is nothing between [ and ]'],
    ['[z-a]', 'the range z-a runs backwards'],
    ['^v1', 'no tag has a "^" in it'],
    ['[^a]', 'no tag has a "^" in it'],
    ['v1\\.2', 'no tag has a "\\\\" in it'],
    ['a b', 'no tag has a " " in it'],
    ['v{1}', 'no tag has a "{" in it'],
    ['a]', 'no tag has a "]" in it'],
    ['a\u001b[0m', 'no tag has a'],
    ['x'.repeat(1_001), 'more than 1000 characters'],
  ])('is not %j', (pattern, why) => {
    const parse = (): unknown => parseTagGlob(pattern);
    expect(parse).toThrow(why);
    expect(parse).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it('says what a regular expression would say, or is refused', () => {
    const character = fc.constantFrom('a', 'b', '1', '.', '-', '*', '?', '[', ']', '!');
    fc.assert(
      fc.property(
        fc.array(character, { maxLength: 8 }).map((found) => found.join('')),
        fc.array(fc.constantFrom('a', 'b', '1', '.', '-'), { maxLength: 8 }).map((found) => found.join('')),
        (pattern, tag) => {
          let matcher;
          try {
            matcher = parseTagGlob(pattern);
          } catch (error) {
            return isRegferryError(error) && error.code === 'E_USAGE';
          }
          return matcher(tag) === regularExpression(pattern).test(tag);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is matched quickly, however often it could go back', () => {
    const matcher = parseTagGlob(`${'*a'.repeat(300)}b`);
    const begun = performance.now();
    expect(matcher('a'.repeat(10_000))).toBe(false);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

describe('a filter of tags', () => {
  it('takes what fits any pattern and is not excluded', () => {
    expect(tags.filter(tagFilter([], []))).toEqual(tags);
    expect(tags.filter(tagFilter(['v*', '1'], []))).toEqual(['1', 'v1', 'v1.2', 'v2']);
    expect(tags.filter(tagFilter(['v*', '1'], ['*.*', 'v2']))).toEqual(['1', 'v1']);
    expect(tags.filter(tagFilter([], ['sha256-*', 'v?']))).not.toContain('v1');
  });

  it('refuses a bad pattern on either side', () => {
    expect(() => tagFilter(['['], [])).toThrow('not a tag pattern');
    expect(() => tagFilter([], ['['])).toThrow('not a tag pattern');
  });
});

/** The same pattern in another language; a class is taken over, since it means the same there. */
function regularExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]*\]|[^]/g, (part) => {
    if (part.length > 1) return part.replace(/^\[!/, '[^').replace(/(?<=.)\[/g, '\\[');
    if (part === '*') return '.*';
    return part === '?' ? '.' : part.replace(/[.\-!]/, '\\$&');
  });
  return new RegExp(`^(?:${source})$`, 's');
}
