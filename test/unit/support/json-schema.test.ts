import { describe, expect, it } from 'vitest';

import { schemaErrors } from '../../support/json-schema.js';

const schema = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 2, pattern: '^[a-z]+$' },
    size: { $ref: '#/$defs/count' },
    tags: { type: 'array', minItems: 1, items: { enum: ['a', 'b'] } },
    previous: { anyOf: [{ type: 'null' }, { const: 'x' }] },
  },
  $defs: { count: { type: 'integer', minimum: 0 } },
};

describe('the schema check', () => {
  it('finds nothing in a document that fits', () => {
    expect(schemaErrors(schema, { name: 'ab', size: 0, tags: ['a'], previous: null })).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['a missing property', {}],
    ['one too many', { name: 'ab', other: 1 }],
    ['another type', { name: 1 }],
    ['a short text', { name: 'a' }],
    ['a text that does not match', { name: 'AB' }],
    ['a fraction', { name: 'ab', size: 0.5 }],
    ['a number that is too small', { name: 'ab', size: -1 }],
    ['an empty list', { name: 'ab', tags: [] }],
    ['a wrong item', { name: 'ab', tags: ['c'] }],
    ['none of several schemas', { name: 'ab', previous: 'y' }],
    ['no object at all', []],
  ])('finds %s', (_, document) => {
    expect(schemaErrors(schema, document)).not.toEqual([]);
  });

  it('passes over no keyword', () => {
    expect(() => schemaErrors({ maxLength: 1 }, 'a')).toThrow('maxLength');
  });
});
