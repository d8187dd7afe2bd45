import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copy, CopyError } from '../../src/api/copy.js';
import { plan } from '../../src/api/plan.js';
import { MemoryStore } from '../../src/content/memory-store.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';

const platforms = ['amd64', 'arm64'].map((architecture, at) => ({
  image: imageManifest({ layers: [blob(2_000 + at, at)], platform: { os: 'linux', architecture } }),
  fields: { platform: { os: 'linux', architecture } },
}));
const index = indexOf(platforms);
const arm = platforms[1]?.image.root.descriptor.digest;

let source: TestRegistry;
let target: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [source, target] = [await startRegistry(), await startRegistry({ rules })];
  await seed(source.store('app'), index, 'v1');
});
afterEach(() => Promise.all([source.close(), target.close()]));

const writes = (): string[] =>
  target.log
    .filter(({ method }) => !['GET', 'HEAD'].includes(method))
    .map(({ method, url }) => `${method} ${url}`);

describe('several targets in one copy', () => {
  it('share each manifest and blob that is read from the source', async () => {
    await copy(`${source.host}/app:v1`, [`${target.host}/a`, `${target.host}/b:x`, `${target.host}/b:y`]);
    await expectSame(target.store('a'), index, 'v1');
    await expectSame(target.store('b'), index, 'x');
    await expectSame(target.store('b'), index, 'y');
    const reads = source.log.map(({ url }) => url);
    expect(new Set(reads).size).toBe(reads.length);
  });

  it('do not stop each other: the report says which failed, and the code that some did', async () => {
    rules.push(rule({ path: /\/v2\/broken\// }, answer(403)));
    const error = await copy(`${source.host}/app:v1`, [`${target.host}/broken`, `${target.host}/fine`]).catch(
      (caught: unknown) => caught,
    );
    if (!(error instanceof CopyError)) throw new Error('the copy did not fail');
    expect(error.code).toBe('E_PARTIAL');
    expect(error.report.targets).toMatchObject([
      { reference: `${target.host}/broken:v1`, changed: false, error: { code: 'E_DENIED', side: 'target' } },
      { reference: `${target.host}/fine:v1`, changed: true, verified: 'bytes' },
    ]);
  });

  it('upload each blob to a host once, also where the first repository refuses it', async () => {
    rules.push(rule({ method: 'PUT', path: /\/v2\/a\/blobs\// }, answer(403)));
    const to = ['a', 'b', 'c'].map((repository) => `${target.host}/${repository}`);
    await expect(copy(`${source.host}/app:v1`, to)).rejects.toMatchObject({ code: 'E_PARTIAL' });
    await expectSame(target.store('c'), index, 'v1');
    const uploads = target.log.filter(({ method, url, status }) => {
      return method === 'PUT' && url.includes('/uploads/') && status === 201;
    });
    expect(uploads).toHaveLength(index.blobs.size);
  });

  it('fail with their own code when they fail alike', async () => {
    rules.push(rule({}, answer(403)));
    const failing = copy(`${source.host}/app:v1`, [`${target.host}/a`, `${target.host}/b`]);
    await expect(failing).rejects.toMatchObject({ code: 'E_DENIED' });
  });
});

describe('--platform', () => {
  it('copies one manifest out of an index under its own digest', async () => {
    const report = await copy(`${source.host}/app:v1`, `${target.host}/app`, { platform: 'linux/arm64' });
    expect(report.targets[0]?.digest).toBe(arm);
    expect([...target.store('app').manifests()]).toHaveLength(1);
  });

  it('names what there is when the platform is not among it', async () => {
    const failing = copy(`${source.host}/app:v1`, `${target.host}/app`, { platform: 'windows/amd64' });
    await expect(failing).rejects.toMatchObject({
      code: 'E_NO_SUCH_PLATFORM',
      message: expect.stringMatching(/linux\/amd64.*linux\/arm64/) as string,
    });
    expect(writes()).toEqual([]);
  });
});

describe('a plan', () => {
  it('tells what would be copied and which tags would move, and writes nothing', async () => {
    const result = await plan(`${source.host}/app:v1`, `${target.host}/app:prod`);
    expect(result.targets).toMatchObject([
      { changed: true, previous: null, blobs: { copy: 4, mount: 0, skip: 0 }, manifests: { copy: 3 } },
    ]);
    expect(writes()).toEqual([]);
  });

  it('counts blobs that the registry has elsewhere as mountable', async () => {
    const result = await plan(`${source.host}/app:v1`, `${source.host}/other`);
    expect(result.targets[0]?.blobs).toEqual({ copy: 0, mount: 4, skip: 0, foreign: 0 });
  });
});

it('a second size for one digest is found to be false, and not published', async () => {
  const layer = blob(700, 9);
  const honest = imageManifest({ layers: [layer] });
  const [descriptor] = [...honest.blobs.keys()].slice(-1);
  const lying = imageManifest({
    layers: [layer, { bytes: layer, mediaType: 'application/x', fields: { digest: descriptor, size: 701 } }],
  });
  await seed(source.store('lies'), lying, 'v1');
  const failing = copy(`${source.host}/lies:v1`, `${target.host}/lies`);
  await expect(failing).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH', side: 'source' });
  expect(target.store('lies').tagged('v1')).toBeUndefined();
});

describe('a digest asserted at the target', () => {
  it('that the source does not have stops the copy before anything is written', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    const failing = copy(`${source.host}/app:v1`, `${target.host}/app:prod@${wrong}`);
    await expect(failing).rejects.toMatchObject({ code: 'E_GUARD' });
    expect(writes()).toEqual([]);
  });
});

describe('stores of the caller', () => {
  it('can be source and target', async () => {
    const [from, to] = [new MemoryStore({ host: 'one' }), new MemoryStore({ host: 'two' })];
    await seed(from, index, 'v1');
    const report = await copy({ store: from, tag: 'v1' }, [{ store: to, tag: 'v2' }, `${target.host}/app`]);
    expect(report.targets.map(({ digest }) => digest)).toEqual([
      index.root.descriptor.digest,
      index.root.descriptor.digest,
    ]);
    await expectSame(to, index, 'v2');
    await expectSame(target.store('app'), index, 'v1');
  });
});

describe('a source named by digest alone', () => {
  it('is pushed by digest, without a tag, and printed so', async () => {
    const report = await copy(`${source.host}/app@${index.root.descriptor.digest}`, `${target.host}/app`);
    expect(report.targets[0]).toMatchObject({
      reference: `${target.host}/app`,
      changed: true,
      verified: 'bytes',
    });
    await expectSame(target.store('app'), index);
    expect(writes().some((write) => write.startsWith('PUT') && /manifests\/(?!sha256:)/.test(write))).toBe(
      false,
    );
  });
});
