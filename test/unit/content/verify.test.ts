import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { BlobVerifier, readAll, readVerified, verifiedBytes } from '../../../src/content/verify.js';
import { digestOf } from '../../../src/spec/digest.js';
import { ended, pieces, watched } from './streams.js';

const text = Buffer.from('The quick brown fox jumps over the lazy dog');
const whole = { digest: digestOf(text), size: text.byteLength };
const empty = Buffer.alloc(0);

describe('BlobVerifier', () => {
  it('passes the bytes that the descriptor names, however they are cut', () => {
    const verifier = new BlobVerifier(whole);
    verifier.update(text.subarray(0, 1));
    verifier.update(empty);
    verifier.update(text.subarray(1));
    expect(verifier.position).toBe(text.byteLength);
    expect(() => verifier.finish()).not.toThrow();
  });

  it('refuses more bytes than the descriptor says, at once', () => {
    const verifier = new BlobVerifier({ ...whole, size: 10 });
    verifier.update(text.subarray(0, 10));
    expect(() => verifier.update(text.subarray(10, 11))).toThrow(
      expect.objectContaining({
        code: 'E_SIZE_MISMATCH',
        digest: whole.digest,
        message: `${whole.digest} is too long: expected 10 bytes, got more`,
      }),
    );
  });

  it('says that the manifest is at fault where the hash of fewer bytes is right', () => {
    const verifier = new BlobVerifier({ ...whole, size: 50 });
    verifier.update(text);
    expect(() => verifier.finish()).toThrow(
      expect.objectContaining({
        code: 'E_SIZE_MISMATCH',
        message: `${whole.digest} is too short: expected 50 bytes, got 43; its digest is right for 43 bytes, so the manifest that names it with 50 is at fault and has to be built again`,
      }),
    );
  });

  it('refuses fewer bytes than the descriptor says, and names both numbers', () => {
    const verifier = new BlobVerifier(whole);
    verifier.update(text.subarray(0, 42));
    expect(() => verifier.finish()).toThrow(
      expect.objectContaining({
        code: 'E_SIZE_MISMATCH',
        message: `${whole.digest} is too short: expected 43 bytes, got 42`,
      }),
    );
  });

  it('refuses other bytes of the right size, and names both digests', () => {
    const other = Buffer.from(text);
    other[42] = 0;
    const verifier = new BlobVerifier(whole);
    verifier.update(other);
    expect(() => verifier.finish()).toThrow(
      expect.objectContaining({
        code: 'E_DIGEST_MISMATCH',
        message: `content is corrupt: expected ${whole.digest}, got ${digestOf(other)}`,
      }),
    );
  });

  it('hashes a blob of zero bytes as well', () => {
    expect(() => new BlobVerifier({ digest: digestOf(empty), size: 0 }).finish()).not.toThrow();
    expect(() => new BlobVerifier({ ...whole, size: 0 }).finish()).toThrow(
      expect.objectContaining({ code: 'E_DIGEST_MISMATCH' }),
    );
  });

  it('verifies by the algorithm that the digest names', () => {
    const verifier = new BlobVerifier({ digest: digestOf(text, 'sha512'), size: text.byteLength });
    verifier.update(text);
    expect(() => verifier.finish()).not.toThrow();
  });

  it('goes on from a fork as if the bytes after it had never come', () => {
    const verifier = new BlobVerifier(whole);
    verifier.update(text.subarray(0, 20));
    const fork = verifier.fork();
    verifier.update(Buffer.from('a chunk that got lost'));
    expect(fork.position).toBe(20);
    const again = fork.fork();
    for (const each of [fork, again]) {
      each.update(text.subarray(20));
      expect(() => each.finish()).not.toThrow();
    }
  });
});

describe('verifiedBytes', () => {
  it('passes every piece on as it is, without a copy', async () => {
    const source = [text.subarray(0, 5), text.subarray(5, 40), text.subarray(40)];
    const { got, error } = await ended(verifiedBytes(pieces(source), new BlobVerifier(whole)));
    expect(error).toBeUndefined();
    expect(got).toHaveLength(3);
    got.forEach((piece, at) => expect(piece).toBe(source[at]));
  });

  it('holds the last piece back when the hash is wrong', async () => {
    const source = [text.subarray(0, 20), text.subarray(20, 42), Buffer.from('!')];
    const { got, error } = await ended(verifiedBytes(pieces(source), new BlobVerifier(whole)));
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
    expect(got).toEqual(source.slice(0, 2));
  });

  it('holds the last piece back when bytes are missing', async () => {
    const source = [text.subarray(0, 20), text.subarray(20, 30)];
    const { got, error } = await ended(verifiedBytes(pieces(source), new BlobVerifier(whole)));
    expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH' });
    expect(got).toEqual(source.slice(0, 1));
  });

  it('holds the last right piece back when more bytes follow it', async () => {
    const source = [text.subarray(0, 20), text.subarray(20), Buffer.from('!')];
    const { got, error } = await ended(verifiedBytes(pieces(source), new BlobVerifier(whole)));
    expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH' });
    expect(got).toEqual(source.slice(0, 1));
  });

  it('is not deceived by empty pieces at the end', async () => {
    const source = [text.subarray(0, 20), Buffer.alloc(text.byteLength - 20), empty, empty];
    const { got, error } = await ended(verifiedBytes(pieces(source), new BlobVerifier(whole)));
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
    expect(got).toEqual(source.slice(0, 1));
  });

  it('holds a blob of one piece until the source has ended', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    async function* source(): AsyncGenerator<Uint8Array> {
      yield text;
      await gate;
    }
    const verified = verifiedBytes(source(), new BlobVerifier(whole));
    let arrived = false;
    const first = verified.next().then((step) => {
      arrived = true;
      return step;
    });
    await setImmediate();
    expect(arrived).toBe(false);
    release();
    expect((await first).value).toBe(text);
  });

  it('checks a blob of zero bytes', async () => {
    const right = verifiedBytes(pieces([]), new BlobVerifier({ digest: digestOf(empty), size: 0 }));
    expect(await ended(right)).toEqual({ got: [], error: undefined });
    const wrong = verifiedBytes(pieces([empty]), new BlobVerifier({ ...whole, size: 0 }));
    expect((await ended(wrong)).error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
  });

  it('goes on with the rest of a blob after a fork', async () => {
    const verifier = new BlobVerifier(whole);
    verifier.update(text.subarray(0, 10));
    const { got, error } = await ended(verifiedBytes(pieces([text.subarray(10)]), verifier.fork()));
    expect(error).toBeUndefined();
    expect(Buffer.concat(got)).toEqual(text.subarray(10));
  });

  it('passes the error of its source on', async () => {
    const broken = new Readable({ read: () => undefined });
    const verified = ended(verifiedBytes(broken, new BlobVerifier(whole)));
    broken.destroy(new Error('cut'));
    expect((await verified).error).toMatchObject({ message: 'cut' });
  });

  it('destroys its source when it is given up early', async () => {
    const { stream, destroyed } = watched([text.subarray(0, 10), text.subarray(10)]);
    const verified = verifiedBytes(stream, new BlobVerifier(whole));
    await verified.next();
    await verified.return();
    expect(destroyed()).toBe(true);
  });
});

describe('readAll', () => {
  it('reads up to the limit', async () => {
    expect(await readAll(pieces([text.subarray(0, 40), text.subarray(40)]), 43)).toEqual(text);
  });

  it('stops at the limit without reading further', async () => {
    const { stream, destroyed } = watched([text, text, text]);
    await expect(readAll(stream, 50)).rejects.toMatchObject({ code: 'E_LIMIT' });
    expect(destroyed()).toBe(true);
  });
});

describe('readVerified', () => {
  it('gives the bytes that the descriptor names', async () => {
    expect(await readVerified(pieces([text.subarray(0, 1), text.subarray(1)]), whole, 43)).toEqual(text);
  });

  it.each([
    ['other bytes', { ...whole, digest: digestOf(empty) }, 'E_DIGEST_MISMATCH'],
    ['fewer bytes', { ...whole, size: 44 }, 'E_SIZE_MISMATCH'],
    ['more bytes', { ...whole, size: 42 }, 'E_SIZE_MISMATCH'],
  ])('refuses %s', async (_, expected, code) => {
    await expect(readVerified(pieces([text]), expected, 100)).rejects.toMatchObject({ code });
  });

  it('stops at the limit whatever size the descriptor promises', async () => {
    const { stream, destroyed } = watched([text, text, text]);
    const huge = { ...whole, size: Number.MAX_SAFE_INTEGER };
    await expect(readVerified(stream, huge, 50)).rejects.toMatchObject({ code: 'E_LIMIT' });
    expect(destroyed()).toBe(true);
  });
});
