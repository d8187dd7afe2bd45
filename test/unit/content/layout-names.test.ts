import { describe, expect, it } from 'vitest';

import { LayoutIndex } from '../../../src/content/layout-index.js';
import { IMAGE_NAME, REF_NAME } from '../../support/named-layout.js';
import { outcome, refusal } from '../spec/outcome.js';
import { manifestOf } from './target-contract.js';

const a = manifestOf('a').descriptor;
const b = manifestOf('b').descriptor;
const c = manifestOf('c').descriptor;

type Entry = Record<string, unknown>;

function entry(descriptor: typeof a, annotations?: Readonly<Record<string, unknown>>): Entry {
  return { ...descriptor, ...(annotations !== undefined && { annotations }) };
}

function named(descriptor: typeof a, name: string): Entry {
  return entry(descriptor, { [REF_NAME]: name });
}

function indexOf(...manifests: Entry[]): LayoutIndex {
  return LayoutIndex.parse(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
}

function entriesOf(index: LayoutIndex): unknown {
  return (JSON.parse(index.toBytes().toString()) as { manifests: unknown }).manifests;
}

describe('the names in an index.json', () => {
  it('are tags, or full references, of which the tag counts', () => {
    const index = indexOf(named(a, 'v1'), named(b, 'docker.io/foo/bar:1.0.0'), named(c, 'foo:2'));
    expect(index.tags()).toEqual(['v1', '1.0.0', '2']);
    expect(index.tagged('1.0.0')).toMatchObject(b);
    expect(index.tagged('docker.io/foo/bar:1.0.0')).toBeUndefined();
    expect(index.leftOut()).toEqual([]);
  });

  it('may stand where containerd has them alone', () => {
    const index = indexOf(
      entry(a, { [IMAGE_NAME]: 'docker.io/foo/bar:1.0.0' }),
      entry(b, { [REF_NAME]: `2@${b.digest}`, [IMAGE_NAME]: `docker.io/foo/bar:2@${b.digest}` }),
    );
    expect(index.tags()).toEqual(['1.0.0', '2']);
    expect([index.tagged('1.0.0'), index.tagged('2')]).toMatchObject([a, b]);
  });

  it('win where they are exactly the tag, and the other is told to be left out', () => {
    const index = indexOf(named(b, 'foo/bar:1.0.0'), named(a, '1.0.0'));
    expect(index.tags()).toEqual(['1.0.0']);
    expect(index.tagged('1.0.0')).toMatchObject(a);
    expect(index.leftOut()).toEqual([
      {
        name: 'foo/bar:1.0.0',
        message: `"foo/bar:1.0.0": another image is named 1.0.0 exactly; ask for ${b.digest}`,
      },
    ]);
  });

  it('are refused with the list where they come down to one tag for two images', () => {
    const index = indexOf(named(a, 'foo/bar:1'), named(b, 'foo/baz:1'), named(c, 'v1'));
    expect(index.tags()).toEqual(['v1']);
    const error = refusal(() => index.tagged('1'));
    expect(error.code).toBe('E_LAYOUT');
    expect(error.message).toContain(`foo/bar:1 (${a.digest}), foo/baz:1 (${b.digest})`);
    expect(index.leftOut()).toMatchObject([{ name: '1', tag: '1' }]);
  });

  it('are told by the whole name that containerd has for two images of one tag', () => {
    const two = indexOf(
      entry(a, { [REF_NAME]: 'latest', [IMAGE_NAME]: 'docker.io/library/a:latest' }),
      entry(b, { [REF_NAME]: 'latest', [IMAGE_NAME]: 'docker.io/library/b:latest' }),
    );
    expect(refusal(() => two.tagged('latest')).message).toContain('docker.io/library/b:latest');
  });

  it('may be several for one image', () => {
    const index = indexOf(named(a, 'foo/bar:1'), named(a, 'foo/baz:1'), named(a, '1'));
    expect(index.tags()).toEqual(['1']);
    expect(index.tagged('1')).toMatchObject(a);
    expect(index.leftOut()).toEqual([]);
  });

  it.each(['../../victim/manifests/latest', 'x#y', 'x?tag=latest', '..%2f', 'foo/bar', 'v1\u001b[2J'])(
    'are left out, and told, where they are %j',
    (name) => {
      const index = indexOf(named(a, name));
      expect(index.tags()).toEqual([]);
      expect(index.selectors()).toEqual([`@${a.digest}`]);
      expect(outcome(() => index.tagged(name))).toBe('ok');
      expect(index.tagged(name)).toBeUndefined();
      const [left] = index.leftOut();
      expect(left?.name).toBe(name);
      expect(left?.message).toMatch(/^"[ -~]+" is no tag, nor a reference with one; ask for sha256:/);
    },
  );

  it('stay as they are when a tag is set beside them', () => {
    const others = [named(a, 'foo/bar:1'), named(b, 'x#y'), entry(c, { [IMAGE_NAME]: 'r/c:1' })];
    const index = indexOf(...others).tag(c, '1');
    expect(entriesOf(index)).toEqual([...others, named(c, '1')]);
    expect(index.tagged('1')).toMatchObject(c);
    expect(entriesOf(index.dropUntagged(b.digest))).toEqual(entriesOf(index));
  });

  it('are taken away, full ones too, when the tag is deleted', () => {
    const index = indexOf(named(a, 'foo/bar:1'), named(b, '1'), named(c, '2')).deleteTag('1');
    expect(index.tags()).toEqual(['2']);
    expect(entriesOf(index)).toEqual([named(c, '2'), entry(a), entry(b)]);
    expect(index.deleteTag('1')).toBe(index);
  });
});
