import { describe, expect, it } from 'vitest';

import type { ContentTarget, Manifest } from '../../../src/content/store.js';
import { prove, type Previous } from '../../../src/copy/prove.js';
import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { imageManifest } from '../../support/fixtures.js';
import { failureOf } from '../registry/open-repository.js';
import { Names, recordedStore } from './recorded-store.js';

const wanted = imageManifest({ style: 'compact' }).root;
const old = imageManifest({ style: 'pretty' }).root;
const foreign = imageManifest({ style: 'tabs' }).root;
const missing = new RegferryError('E_NOT_FOUND', 'no such tag');

/** Proves against a registry that answers in turn; the last answer stays. */
function proving(previous: Previous, ...answers: readonly (Manifest | RegferryError)[]) {
  return provingWhere(true, previous, ...answers);
}

/** The same, where the registry has, or has not, what was written by digest. */
function provingWhere(kept: boolean, previous: Previous, ...answers: readonly (Manifest | RegferryError)[]) {
  const rest = [...answers];
  const fetch: ContentTarget['fetch'] = () => {
    const next = rest.length > 1 ? rest.shift() : rest[0];
    return next === undefined || next instanceof RegferryError
      ? Promise.reject(next ?? missing)
      : Promise.resolve(next);
  };
  const resolve: ContentTarget['resolve'] = () => Promise.resolve(kept ? wanted.descriptor : undefined);
  const target = recordedStore(new Names(), {}, () => ({ fetch, resolve }));
  const sleeps: number[] = [];
  const signal = new AbortController().signal;
  const sleep = (ms: number): Promise<void> => {
    sleeps.push(ms);
    return Promise.resolve();
  };
  const proof = prove({
    target,
    key: { tag: '1' },
    reference: 'r/app:1',
    expected: wanted,
    previous,
    signal,
    sleep,
  });
  return { proof, sleeps, calls: target.calls };
}

describe('a read-back', () => {
  it('is one GET where the tag is what was written', async () => {
    const { proof, sleeps, calls } = proving(old.descriptor.digest, wanted);
    await proof;
    expect([calls, sleeps]).toEqual([['fetch :1', 'done fetch :1'], []]);
  });

  it('asks again while the old digest is shown', async () => {
    const { proof, sleeps } = proving(old.descriptor.digest, old, old, wanted);
    await proof;
    expect(sleeps).toEqual([200, 500]);
  });

  it('asks again while a new tag is not shown yet', async () => {
    const { proof, sleeps } = proving(null, missing, missing, missing, wanted);
    await proof;
    expect(sleeps).toEqual([200, 500, 1000]);
  });

  it.each([
    ['the old digest', old.descriptor.digest, old, old.descriptor.digest],
    ['nothing', null, missing, 'absent'],
  ] as const)('that shows %s for ever fails after 8 s', async (_what, previous, answer, said) => {
    const { proof, sleeps } = proving(previous, answer);
    const error = await failureOf(proof);
    expect(error).toMatchObject({ code: 'E_READ_BACK', side: 'target', digest: wanted.descriptor.digest });
    expect(error.message).toContain(`8 s later reads back as ${said}`);
    expect(sleeps).toEqual([200, 500, 1000, 2000, 4000]);
  });

  it("that shows another digest is somebody else's write, at once", async () => {
    const { proof, sleeps } = proving(old.descriptor.digest, foreign);
    const error = await failureOf(proof);
    expect(error).toMatchObject({ code: 'E_TAG_MOVED', side: 'target' });
    expect(error.message).toContain(foreign.descriptor.digest);
    expect(sleeps).toEqual([]);
  });

  it("that shows another digest after the old one is somebody else's write", async () => {
    const { proof } = proving(old.descriptor.digest, old, foreign);
    expect((await failureOf(proof)).code).toBe('E_TAG_MOVED');
  });

  it("asks again where the old digest is not known, before it calls another one somebody else's", async () => {
    const passing = proving(undefined, old, wanted);
    await passing.proof;
    expect(passing.sleeps).toEqual([200]);
    const staying = proving(undefined, old);
    expect((await failureOf(staying.proof)).code).toBe('E_TAG_MOVED');
    expect(staying.sleeps).toHaveLength(5);
  });

  it('that shows another digest is a rewritten manifest where what was written is not there at all', async () => {
    const { proof } = provingWhere(false, null, foreign);
    const error = await failureOf(proof);
    expect(error).toMatchObject({ code: 'E_READ_BACK', side: 'target' });
    expect(error.message).toContain(`reads back as ${foreign.descriptor.digest}, which the tag is now`);
  });

  it('that shows nothing where there was something before says so', async () => {
    const error = await failureOf(proving(old.descriptor.digest, missing).proof);
    expect(error.message).toContain('reads back as absent');
  });

  it.each(['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH'] as const)(
    'of other bytes (%s) is E_READ_BACK',
    async (code) => {
      const corrupt = new RegferryError(code, 'expected a, got b');
      const error = await failureOf(proving(null, corrupt).proof);
      expect(error).toMatchObject({ code: 'E_READ_BACK', side: 'target', cause: corrupt });
      expect(error.message).toContain('expected a, got b');
    },
  );

  it('under another media type is E_READ_BACK', async () => {
    const retyped = { ...wanted, descriptor: { ...wanted.descriptor, mediaType: 'application/vnd.other' } };
    const error = await failureOf(proving(null, retyped).proof);
    expect(error.code).toBe('E_READ_BACK');
    expect(error.message).toContain('application/vnd.other');
  });

  it('by another algorithm is the same bytes', async () => {
    const sha512 = digestOf(wanted.bytes, 'sha512');
    await proving(null, { ...wanted, descriptor: { ...wanted.descriptor, digest: sha512 } }).proof;
  });

  it.each(['E_UNAVAILABLE', 'E_UNAUTHORIZED', 'E_ABORTED'] as ErrorCode[])(
    'that fails with %s fails',
    async (code) => {
      const error = new RegferryError(code, 'no');
      expect(await failureOf(proving(null, error).proof)).toBe(error);
    },
  );

  it('stops waiting when it is abandoned', async () => {
    const control = new AbortController();
    const stop = new RegferryError('E_ABORTED', 'stop');
    const target = recordedStore(new Names());
    const proof = prove({
      ...{ target, key: { tag: '1' }, reference: 'r/app:1', expected: wanted, previous: null },
      signal: control.signal,
      sleep: (_ms, signal) => {
        control.abort(stop);
        signal.throwIfAborted();
        return Promise.resolve();
      },
    });
    expect(await failureOf(proof)).toBe(stop);
    expect(target.calls).toHaveLength(2);
  });
});
