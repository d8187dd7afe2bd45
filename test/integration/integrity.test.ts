import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copy, CopyError } from '../../src/api/copy.js';
import type { RegferryError } from '../../src/errors.js';
import { exitCode } from '../../src/cli/exit-codes.js';
import { blob, imageManifest, seed, indexOf } from '../support/fixtures.js';
import { rule, type Rule } from '../support/faults.js';
import { rewrite } from '../support/faults/answers.js';
import { corruptResponse, truncateResponse, wrongLength } from '../support/faults/bodies.js';
import { lieAboutDigest } from '../support/faults/headers.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { digestOf } from '../../src/spec/digest.js';

const old = imageManifest({ layers: [blob(100, 1)] });
const image = imageManifest({ layers: [blob(200_000, 2), blob(300_000, 3)] });
const index = indexOf([{ image }]);

let source: TestRegistry;
let target: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [source, target] = [await startRegistry({ rules }), await startRegistry()];
  await seed(target.store('app'), old, 'prod');
});
afterEach(() => Promise.all([source.close(), target.close()]));

async function failure(tag: string): Promise<RegferryError> {
  const outcome = await copy(`${source.host}/app:${tag}`, `${target.host}/app:prod`, { retries: 1 }).catch(
    (error: unknown) => error,
  );
  if (!(outcome instanceof CopyError)) throw new Error('the copy did not fail');
  return outcome;
}

const anyBlob = { method: 'GET', path: /\/blobs\// };
const anyManifest = { method: 'GET', path: /\/manifests\// };
const child = { method: 'GET', path: new RegExp(`/manifests/${image.root.descriptor.digest}`) };
const otherManifest = imageManifest({ layers: [blob(10, 9)] }).root.bytes;

describe('a source that sends', () => {
  it.each([
    ['a wrong byte in the middle of a blob', 'v1', rule(anyBlob, corruptResponse({ at: 100 }))],
    [
      'a wrong last byte of a blob',
      'v1',
      rule({ ...anyBlob, nth: 2, times: 9 }, corruptResponse({ at: 199_999 })),
    ],
    ['a blob that is too short, well framed', 'v1', rule(anyBlob, truncateResponse({ to: 50 }))],
    [
      'a blob that announces another length',
      'v1',
      rule(
        anyBlob,
        wrongLength((length) => length + 5),
      ),
    ],
    ['a tag with bytes that are not its own digest', 'v1', rule(anyManifest, corruptResponse({ at: 3 }))],
    [
      'a digest header that is not of its manifest',
      'v1',
      rule(anyManifest, lieAboutDigest(digestOf(Buffer.from('something else')))),
    ],
    [
      'another child than the index names',
      'multi',
      rule(
        child,
        rewrite((answer) => ({ ...answer, body: otherManifest })),
      ),
    ],
  ])('%s ends in exit 5 and leaves the tag as it was', async (_what, tag, fault) => {
    await seed(source.store('app'), image, 'v1');
    await seed(source.store('app'), index, 'multi');
    rules.push(fault);
    const error = await failure(tag);
    expect(fault.hits).toBeGreaterThan(0);
    expect([error.code, exitCode(error.code)]).toEqual([
      expect.stringMatching(/^E_(SIZE|DIGEST)_MISMATCH$/),
      5,
    ]);
    expect(error.message).not.toContain('\n');
    expect(target.store('app').tagged('prod')).toBe(old.root.descriptor.digest);
    const wrong = target.log.filter(({ method, status }) => method === 'PUT' && status === 201);
    for (const { url } of wrong) expect(url).toMatch(/digest=/);
  });
});

describe('a target that', () => {
  it('reads back other bytes than it took ends in exit 5', async () => {
    await seed(source.store('app'), image, 'v1');
    const lying: Rule[] = [rule(anyManifest, corruptResponse({ at: 3 }))];
    const liar = await startRegistry({ rules: lying });
    try {
      const error = await copy(`${source.host}/app:v1`, `${liar.host}/app`).catch(
        (caught: unknown) => caught,
      );
      expect(error).toMatchObject({ code: 'E_READ_BACK' });
    } finally {
      await liar.close();
    }
  });
});
