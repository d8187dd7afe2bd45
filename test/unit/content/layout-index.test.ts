import { describe, expect, it } from 'vitest';

import { INDEX_BYTES, LayoutIndex, REF_NAME } from '../../../src/content/layout-index.js';
import { OCI_INDEX, OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { outcome, refusal } from '../spec/outcome.js';
import { manifestOf } from './target-contract.js';

const a = manifestOf('a').descriptor;
const b = manifestOf('b').descriptor;

function parse(document: unknown): LayoutIndex {
  return LayoutIndex.parse(Buffer.from(JSON.stringify(document)));
}

function entry(descriptor: typeof a, tag?: string): Record<string, unknown> {
  return { ...descriptor, ...(tag !== undefined && { annotations: { [REF_NAME]: tag } }) };
}

function written(index: LayoutIndex): unknown {
  return JSON.parse(index.toBytes().toString());
}

describe('LayoutIndex', () => {
  it('starts empty', () => {
    const index = LayoutIndex.empty();
    expect(index.tags()).toEqual([]);
    expect(index.roots()).toEqual([]);
    expect(written(index)).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
  });

  it('finds entries by tag and by digest', () => {
    const index = parse({ schemaVersion: 2, manifests: [entry(a, 'v1'), entry(b)] });
    expect(index.tagged('v1')).toMatchObject(a);
    expect(index.tagged('v2')).toBeUndefined();
    expect(index.withDigest(b.digest)).toMatchObject(b);
    expect(index.withDigest(manifestOf('c').descriptor.digest)).toBeUndefined();
    expect([index.tagsOf(a.digest), index.tagsOf(b.digest)]).toEqual([['v1'], []]);
  });

  it('reads an empty list as Go writes it', () => {
    expect(parse({ schemaVersion: 2, manifests: null }).roots()).toEqual([]);
    expect(parse({ schemaVersion: 2 }).roots()).toEqual([]);
  });

  it.each([
    ['a list', []],
    ['null', null],
    ['another schema version', { schemaVersion: 1, manifests: [] }],
    ['a schema version that is text', { schemaVersion: '2', manifests: [] }],
    ['another type', { schemaVersion: 2, mediaType: OCI_MANIFEST, manifests: [] }],
    ['manifests that are no list', { schemaVersion: 2, manifests: {} }],
    ['manifests that are no objects', { schemaVersion: 2, manifests: [entry(a), 'x'] }],
    ['manifests that are lists', { schemaVersion: 2, manifests: [[]] }],
  ])('refuses %s', (_, document) => {
    expect(outcome(() => parse(document))).toBe('E_LAYOUT');
  });

  it.each([
    ['no JSON', Buffer.from('{"schemaVersion":2,')],
    ['nothing', Buffer.alloc(0)],
    ['a byte order mark', Buffer.from('\ufeff{"schemaVersion":2,"manifests":[]}')],
    ['bytes that are not UTF-8', Buffer.from('{"schemaVersion":2,"x":"\xff"}', 'latin1')],
    ['deep nesting', Buffer.from(`{"schemaVersion":2,"x":${'['.repeat(1000)}${']'.repeat(1000)}}`)],
  ])('refuses %s', (_, bytes) => {
    expect(outcome(() => LayoutIndex.parse(bytes))).toBe('E_LAYOUT');
  });

  it('refuses a malformed entry only when it is asked for', () => {
    const bad = { ...entry(b, 'bad'), digest: 'sha256:../../../etc/passwd' };
    const index = parse({ schemaVersion: 2, manifests: [entry(a, 'v1'), bad] });
    expect(index.tagged('v1')).toMatchObject(a);
    const error = refusal(() => index.tagged('bad'));
    expect(error.code).toBe('E_LAYOUT');
    expect(error.message).toContain('index.json: manifests[1]');
    expect(outcome(() => index.roots())).toBe('E_LAYOUT');
  });

  it('says that a digest cannot be verified where that is so', () => {
    const bad = { ...entry(b, 'v1'), digest: `blake3:${'0'.repeat(64)}` };
    expect(outcome(() => parse({ schemaVersion: 2, manifests: [bad] }).tagged('v1'))).toBe('E_ALGORITHM');
  });

  it('refuses a tag that names two things, and takes one that names the same thing twice', () => {
    const two = parse({ schemaVersion: 2, manifests: [entry(a, 'v1'), entry(b, 'v1')] });
    expect(outcome(() => two.tagged('v1'))).toBe('E_LAYOUT');
    const same = parse({ schemaVersion: 2, manifests: [entry(a, 'v1'), entry(a, 'v1')] });
    expect(same.tagged('v1')).toMatchObject(a);
    expect(same.tags()).toEqual(['v1']);
  });

  it.each([
    ['controls', 'v1\u001b[2J'],
    ['line ends', 'v1\nv2'],
    ['bidirectional controls', 'v1\u202e'],
    ['no characters', ''],
    ['too many characters', 'v'.repeat(256)],
    ['no text', 7],
    ['a list', ['v1']],
  ])('shows no tag with %s, and keeps its entry', (_, name) => {
    const document = {
      schemaVersion: 2,
      manifests: [{ ...entry(a), annotations: { [REF_NAME]: name } }],
    };
    const index = parse(document);
    expect(index.tags()).toEqual([]);
    expect(index.roots()).toHaveLength(1);
    expect(written(index.root(b))).toEqual({ ...document, manifests: [...document.manifests, entry(b)] });
  });

  it('names each image once', () => {
    const manifests = [entry(a, 'v1'), entry(b), entry(a, 'v2'), entry(a)];
    expect(parse({ schemaVersion: 2, manifests }).roots()).toMatchObject([a, b]);
  });

  describe('tag', () => {
    const stranger = {
      ...entry(b, 'other'),
      platform: { os: 'linux', architecture: 'arm64', 'os.features': ['x'] },
      annotations: { [REF_NAME]: 'other', 'org.example': 'kept' },
      data: 'e30=',
      'x-unknown': { deep: [1, null, true] },
    };
    const document = {
      'x-first': 'kept',
      schemaVersion: 2,
      annotations: { 'org.example': 'kept' },
      manifests: [stranger, entry(a, 'v1'), entry(a)],
      'x-last': [{}],
    };

    it('replaces the entry of that name where it stands, and keeps everything else as it is', () => {
      const after = written(parse(document).tag(b, 'v1'));
      expect(after).toEqual({ ...document, manifests: [stranger, entry(b, 'v1'), entry(a)] });
      expect(Object.keys(after as object)).toEqual(Object.keys(document));
    });

    it('adds an entry for a new name at the end', () => {
      const after = written(parse(document).tag(a, 'v2'));
      expect(after).toEqual({ ...document, manifests: [...document.manifests, entry(a, 'v2')] });
    });

    it('leaves an entry that says so already, with all that it says besides', () => {
      const index = parse(document);
      expect(index.tag(b, 'other')).toBe(index);
    });

    it('keeps what had the name without it, unless another entry is of the same digest', () => {
      const old = { ...entry(a, 'v1'), annotations: { [REF_NAME]: 'v1', 'org.example': 'kept' } };
      const alone = parse({ schemaVersion: 2, manifests: [old, entry(a, 'v1')] }).tag(b, 'v1');
      expect(written(alone)).toEqual({
        schemaVersion: 2,
        manifests: [entry(b, 'v1'), { ...entry(a), annotations: { 'org.example': 'kept' } }],
      });
      const listed = parse({ schemaVersion: 2, manifests: [old, entry(a, 'v2')] }).tag(b, 'v1');
      expect(written(listed)).toEqual({ schemaVersion: 2, manifests: [entry(b, 'v1'), entry(a, 'v2')] });
    });

    it('leaves one entry of several with that name', () => {
      const manifests = [entry(a, 'v1'), entry(b), entry(b, 'v1')];
      const after = written(parse({ schemaVersion: 2, manifests }).tag(a, 'v1'));
      expect(after).toEqual({ schemaVersion: 2, manifests: [entry(a, 'v1'), entry(b)] });
    });

    it('writes platform and artifact type of the descriptor, and no annotations of its former place', () => {
      const descriptor = {
        ...a,
        platform: { os: 'windows', architecture: 'arm64', variant: 'v8', osVersion: '10.0.1' },
        artifactType: 'application/vnd.example',
        annotations: { [REF_NAME]: 'former', 'io.containerd.image.name': 'example.com/app:former' },
      };
      const { manifests } = written(LayoutIndex.empty().tag(descriptor, 'v1')) as { manifests: unknown[] };
      expect(manifests).toEqual([
        {
          ...entry(a, 'v1'),
          platform: { os: 'windows', architecture: 'arm64', variant: 'v8', 'os.version': '10.0.1' },
          artifactType: 'application/vnd.example',
        },
      ]);
    });

    it('keeps a member called __proto__ as what it is', () => {
      const text = '{"schemaVersion":2,"__proto__":{"x":1},"manifests":[{"__proto__":{"y":2}}]}';
      const index = LayoutIndex.parse(Buffer.from(text)).tag(a, 'v1');
      expect(index.toBytes().toString()).toContain('"__proto__":{"x":1}');
      expect(index.toBytes().toString()).toContain('{"__proto__":{"y":2}}');
      expect(index.tags()).toEqual(['v1']);
    });

    it('refuses to grow beyond what can be read again', () => {
      const full = parse({ schemaVersion: 2, manifests: [], x: 'x'.repeat(INDEX_BYTES - 60) });
      expect(outcome(() => full.toBytes())).toBe('ok');
      expect(outcome(() => full.tag(a, 'v1').toBytes())).toBe('E_LIMIT');
    });
  });

  describe('root', () => {
    it('adds an entry without a tag', () => {
      expect(written(LayoutIndex.empty().root(a))).toMatchObject({ manifests: [entry(a)] });
    });

    it('adds none where there is one, tagged or not', () => {
      const index = parse({ schemaVersion: 2, manifests: [entry(a, 'v1'), entry(b)] });
      expect(index.root(a)).toBe(index);
      expect(index.root(b)).toBe(index);
    });
  });
});

describe('a tag that is taken away', () => {
  it('leaves its manifest in the list, with whatever else is said of it', () => {
    const annotations = { [REF_NAME]: '1', 'org.example.note': 'kept' };
    const index = parse({ schemaVersion: 2, manifests: [{ ...a, annotations, more: true }, entry(b, '2')] });
    expect(written(index.deleteTag('1'))).toMatchObject({
      manifests: [entry(b, '2'), { ...a, annotations: { 'org.example.note': 'kept' }, more: true }],
    });
  });

  it('leaves one entry of a manifest, and none where another names it', () => {
    const twice = parse({ schemaVersion: 2, manifests: [entry(a, '1'), entry(a, '1')] }).deleteTag('1');
    expect(written(twice)).toMatchObject({ manifests: [entry(a)] });
    const both = parse({ schemaVersion: 2, manifests: [entry(a, '1'), entry(a, '2')] }).deleteTag('1');
    expect(written(both)).toMatchObject({ manifests: [entry(a, '2')] });
  });

  it('changes nothing where there is no such tag', () => {
    const index = parse({ schemaVersion: 2, manifests: [entry(a, '1')] });
    expect(index.deleteTag('2')).toBe(index);
  });
});

describe('a manifest that is taken out', () => {
  const index = parse({ schemaVersion: 2, manifests: [entry(a, '1'), entry(a), entry(b)] });

  it('loses all of its entries, or those without a tag', () => {
    expect(written(index.drop(a.digest))).toMatchObject({ manifests: [entry(b)] });
    expect(written(index.dropUntagged(a.digest))).toMatchObject({ manifests: [entry(a, '1'), entry(b)] });
  });

  it('changes nothing where it is not there', () => {
    const without = index.drop(b.digest);
    expect(without.drop(b.digest)).toBe(without);
    expect(without.dropUntagged(b.digest)).toBe(without);
  });
});

it('entries that cannot be read are passed over where that is asked for', () => {
  const index = parse({
    schemaVersion: 2,
    manifests: [{ size: 1 }, { ...b, digest: 'md5:00' }, entry(a, '1')],
  });
  expect(index.readableRoots().map(({ digest }) => digest)).toEqual([a.digest]);
  expect(outcome(() => index.roots())).toBe('E_LAYOUT');
});

describe('names in another letter case', () => {
  it.each([
    ['Manifests beside manifests', { schemaVersion: 2, manifests: [], Manifests: [entry(a, '1')] }],
    ['SchemaVersion', { schemaVersion: 2, SchemaVersion: 1, manifests: [] }],
    ['Digest in an entry', { schemaVersion: 2, manifests: [{ ...entry(a, '1'), Digest: b.digest }] }],
    ['Annotations of an entry', { schemaVersion: 2, manifests: [{ ...entry(a), Annotations: {} }] }],
    [
      'OS in a platform',
      { schemaVersion: 2, manifests: [{ ...entry(a), platform: { os: 'linux', OS: 'x' } }] },
    ],
  ])('are refused, since programs would see two different layouts: %s', (_, document) => {
    expect(outcome(() => parse(document))).toBe('E_MANIFEST');
  });

  it('are as good as others among annotations', () => {
    const annotations = { Digest: 'x', digest: 'y' };
    const index = parse({ schemaVersion: 2, annotations, manifests: [{ ...entry(a), annotations }] });
    expect(index.roots()).toHaveLength(1);
  });
});
