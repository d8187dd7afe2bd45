import { describe, expect, it } from 'vitest';

import { tagInName } from '../../../src/spec/ref-name.js';

const digest = `sha256:${'0'.repeat(64)}`;
const other = `sha256:${'1'.repeat(64)}`;

describe('the tag in a name of a layout', () => {
  it.each([
    ['1.0.0', '1.0.0'],
    ['_x', '_x'],
    ['foo/bar:1.0.0', '1.0.0'],
    ['docker.io/foo/bar:1.0.0', '1.0.0'],
    ['localhost:5000/bar:v1', 'v1'],
    ['[::1]:5000/bar:v1', 'v1'],
    ['alpine:3.20', '3.20'],
    [`docker.io/foo/bar:1.0.0@${digest}`, '1.0.0'],
  ])('is, in %s, %s', (name, tag) => {
    expect(tagInName(name, digest)).toBe(tag);
  });

  it.each([
    '',
    '../../victim/manifests/latest',
    'x#y',
    'x?tag=latest',
    '..%2f',
    '..',
    '.x',
    'foo/bar',
    'localhost:5000/bar',
    'foo/bar:',
    'foo/bar:x#y',
    'foo/bar:x?y',
    'foo/../bar:1',
    'foo/bar:1/2',
    'user:secret@registry/app:1',
    'v1\u001b[2J',
    'v1\n',
    ' v1',
    'a'.repeat(129),
    `foo/${'a'.repeat(2_000)}:1`,
    `foo/bar:1.0.0@${other}`,
    `@${digest}`,
    'foo/bar:1@blake3:00',
  ])('is nowhere in %j', (name) => {
    expect(tagInName(name, digest)).toBeUndefined();
  });
});
