import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { MemoryStore } from '../../../src/content/memory-store.js';
import { OciAddress } from '../../../src/place/oci.js';
import { parseAddress, parseRepositoryAddress } from '../../../src/place/parse.js';
import { RegistryAddress } from '../../../src/place/registry-address.js';
import { StoreAddress } from '../../../src/place/store-address.js';
import { anyText, digestText, referenceText, tagText } from '../spec/arbitraries.js';
import { outcome, refusal } from '../spec/outcome.js';

const SHA256 = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('an address', () => {
  test.each<[string, string, { readonly tag?: string; readonly digest?: string }?]>([
    ['oci:layout', 'layout'],
    ['oci:layout:1.0', 'layout', { tag: '1.0' }],
    [`oci:layout@${SHA256}`, 'layout', { digest: SHA256 }],
    [`oci:layout:1.0@${SHA256}`, 'layout', { tag: '1.0', digest: SHA256 }],
    ['oci:/tmp/a b/layout:x', '/tmp/a b/layout', { tag: 'x' }],
    ['oci:./layout/', './layout'],
    ['oci:../up:x', '../up', { tag: 'x' }],
    ['oci:/', '/'],
    ['oci:/a:b/layout', '/a:b/layout'],
    ['oci:a:b/', 'a:b'],
    ['oci:a:b/:c', 'a:b', { tag: 'c' }],
    ['oci:a@b', 'a@b'],
    ['oci:C:/images', 'C:/images'],
    ['oci:C:\\images', 'C:\\images'],
    ['oci:C:\\images:1.0', 'C:\\images', { tag: '1.0' }],
    ['oci:C:1.0', 'C', { tag: '1.0' }],
  ])('%s is a layout', (text, folder, names = {}) => {
    expect(parseAddress(text)).toEqual(
      new OciAddress(folder, names as ConstructorParameters<typeof OciAddress>[1]),
    );
  });

  test.each([
    ['oci:sk:myapp:1.0', 'give the tag alone, oci:sk:1.0'],
    ['oci:./a:b:c', 'end that with a slash, oci:./a:b/:c'],
  ])('%s is refused, with what to write', (text, advice) => {
    const error = refusal(() => parseAddress(text));
    expect(error.code).toBe('E_REFERENCE');
    expect(error.message).toContain(advice);
  });

  test('is in a registry where it has no prefix', () => {
    const address = parseAddress('docker://localhost:5000/x:1');
    expect(address).toBeInstanceOf(RegistryAddress);
    expect(address).toMatchObject({ registry: 'localhost:5000', repository: 'localhost:5000/x', tag: '1' });
  });

  test.each([
    'oci:',
    'oci::tag',
    `oci:@${SHA256}`,
    'oci:layout:',
    'oci:layout:a b',
    'oci:layout@sha256:12',
    'oci:a\u0000b',
  ])('refuses %j', (text) => {
    expect(outcome(() => parseAddress(text))).toBe('E_REFERENCE');
  });

  test.each([
    'oci-archive:x.tar',
    'docker-archive:x.tar:n',
    'docker-daemon:x:1',
    'dir:/tmp/x',
    'oci-layout://x',
  ])('says that %s is not supported', (text) => {
    const error = refusal(() => parseAddress(text));
    expect(error.code).toBe('E_REFERENCE');
    expect(error.message).toContain('not supported');
  });

  test('reads back what it prints', () => {
    const folder = fc
      .string({ unit: fc.constantFrom(...'ab:@/. '.split('')), minLength: 1, maxLength: 12 })
      .map((path) => (path === '/' ? path : path.replace(/\/+$/, '')))
      .filter((path) => path !== '');
    const names = fc.record({ tag: tagText, digest: digestText }, { requiredKeys: [] });
    fc.assert(
      fc.property(folder, names, (path, name) => {
        const address = new OciAddress(path, name as ConstructorParameters<typeof OciAddress>[1]);
        expect(parseAddress(address.toString())).toEqual(address);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.oneof(referenceText, fc.constantFrom('oci:5000/x', 'dir:80/x')), (text) => {
        const address = parseAddress(`docker://${text}`);
        expect(parseAddress(address.toString()).toString()).toBe(address.toString());
      }),
    );
  });

  test('never throws an untyped error', () => {
    fc.assert(
      fc.property(fc.constantFrom('', 'oci:', 'docker://', 'dir:'), anyText, (transport, text) => {
        expect(['ok', 'E_REFERENCE', 'E_ALGORITHM']).toContain(outcome(() => parseAddress(transport + text)));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the repository of an address', () => {
  test.each([
    ['app:1', 'docker.io/library/app'],
    [`r.example.com/team/app:1@${SHA256}`, 'r.example.com/team/app'],
    ['oci:./out:1', 'oci:./out'],
    ['oci:a:b/', 'oci:a:b/'],
  ])('is printed without names: %s', (text, repository) => {
    const address = parseAddress(text);
    expect(address.repository).toBe(repository);
    expect(address.named({}).toString()).toBe(repository);
    expect(address.named({ tag: 'prod' }).toString()).toBe(`${repository}:prod`);
  });

  test('has one key, however it is spelled', async () => {
    const same = async (a: string, b: string): Promise<boolean> =>
      (await parseAddress(a).key()) === (await parseAddress(b).key());
    expect(await same('app:1', 'index.docker.io/library/app')).toBe(true);
    expect(await same('R.example.com:443/app', 'r.example.com/app:1')).toBe(true);
    expect(await same('oci:./out:1', 'oci:out/../out/')).toBe(true);
    expect(await same('r.example.com/out', 'oci:r.example.com/out')).toBe(false);
  });

  test('is the store itself, where the caller has opened it', async () => {
    const [one, other] = [new MemoryStore(), new MemoryStore()];
    expect(await new StoreAddress(one).key()).toBe(await new StoreAddress(one, { tag: 'x' }).key());
    expect(await new StoreAddress(one).key()).not.toBe(await new StoreAddress(other).key());
  });

  test.each([
    ['oci:./out:1', 'oci:./out'],
    ['r.example.com/app:1', '[registry/]repository'],
  ])('is asked for without a tag: %s', (text, advice) => {
    const error = refusal(() => parseRepositoryAddress(text));
    expect(error.code).toBe('E_REFERENCE');
    expect(error.message).toContain(advice);
  });
});
