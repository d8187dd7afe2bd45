import { Writable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { ImageOptions } from '../../../../src/api/options.js';
import { main } from '../../../../src/cli/main.js';
import { RegferryError } from '../../../../src/errors.js';
import { parseDigest } from '../../../../src/spec/digest.js';
import { brokenSink, fakeApi, fakeIo, run } from '../fake-io.js';

const digest = parseDigest(`sha256:${'1'.repeat(64)}`);
const found = { reference: 'r.example/app:1', digest, mediaType: 'application/x', size: 12 };

async function* tagsOf(...tags: string[]): AsyncGenerator<string> {
  for (const tag of tags) yield await Promise.resolve(tag);
}

describe('digest', () => {
  it('prints the digest alone', async () => {
    const ran = await run(['digest', 'app:1'], { digest: () => Promise.resolve(found) });
    expect(ran).toEqual({ exit: 0, stdout: `${digest}\n`, stderr: '' });
  });

  it('passes its options on', async () => {
    let seen: unknown[] = [];
    const api = {
      digest: (...given: unknown[]) => {
        seen = given;
        return Promise.resolve(found);
      },
    };
    await run(['digest', 'app:1', '--platform', 'linux/arm64', '--retries', '2', '--insecure'], api);
    expect(seen).toEqual([
      'app:1',
      expect.objectContaining({
        platform: 'linux/arm64',
        retries: 2,
        source: { insecure: true },
      } satisfies ImageOptions),
    ]);
  });

  it('leaves out a size that the registry did not tell', async () => {
    const ran = await run(['digest', '--json', 'app:1'], {
      digest: () => Promise.resolve({ ...found, size: -1 }),
    });
    expect(JSON.parse(ran.stdout)).toEqual({
      ok: true,
      reference: found.reference,
      digest,
      mediaType: found.mediaType,
    });
  });
});

describe('manifest', () => {
  it('writes the bytes and nothing else', async () => {
    const bytes = Buffer.from('{ "a":\r\n 1 }\u0000\u00e9', 'latin1');
    const io = fakeIo();
    const ran = await run(
      ['manifest', 'app:1'],
      { manifest: () => Promise.resolve({ descriptor: found, bytes }) },
      io,
    );
    expect(ran.exit).toBe(0);
    expect(io.stdout.bytes).toEqual(bytes);
    expect(ran.stderr).toBe('');
  });

  it('writes nothing when it fails', async () => {
    const error = new RegferryError('E_DIGEST_MISMATCH', 'wrong bytes');
    const ran = await run(['manifest', 'app:1'], { manifest: () => Promise.reject(error) });
    expect(ran).toMatchObject({ exit: 5, stdout: '' });
  });

  it('fails when it could not write all of it', async () => {
    const io = { ...fakeIo(), stdout: brokenSink('ENOSPC') };
    const api = fakeApi({ manifest: () => Promise.resolve({ descriptor: found, bytes: Buffer.from('{}') }) });
    await expect(main(['manifest', 'app:1'], io, () => Promise.resolve(api))).resolves.toBe(10);
  });
});

describe('tags', () => {
  it('prints each tag as it comes', async () => {
    const io = fakeIo();
    const seen: string[] = [];
    async function* slowly(): AsyncGenerator<string> {
      yield await Promise.resolve('1');
      seen.push(io.stdout.text);
      yield '2';
      seen.push(io.stdout.text);
    }
    const ran = await run(['tags', 'app'], { tags: slowly }, io);
    expect(seen).toEqual(['1\n', '1\n2\n']);
    expect(ran).toEqual({ exit: 0, stdout: '1\n2\n', stderr: '' });
  });

  it('neutralises what a terminal would act on', async () => {
    const ran = await run(['tags', 'app'], { tags: () => tagsOf('a\u001b[2J', 'b\nc') });
    expect(ran.stdout).toBe('a[2J\nb c\n');
  });

  it('writes one JSON document', async () => {
    const ran = await run(['tags', '--json', 'app'], { tags: () => tagsOf('1', '2') });
    expect(JSON.parse(ran.stdout)).toEqual({ ok: true, repository: 'app', tags: ['1', '2'] });
  });

  it('writes one JSON document when it fails on the way', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield await Promise.resolve('1');
      throw new RegferryError('E_CUT', 'closed early', { side: 'source' });
    }
    const ran = await run(['tags', '--json', 'app'], { tags: failing });
    expect(ran.exit).toBe(7);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, repository: 'app', error: { code: 'E_CUT' } });
  });

  it('stops asking when its reader is gone, and calls that no failure', async () => {
    let asked = 0;
    let closed = false;
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          // As from a network: what was written is handed over meanwhile.
          await new Promise((resolve) => setImmediate(resolve));
          yield String(asked++);
        }
      } finally {
        closed = true;
      }
    }
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(asked > 10 ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null);
      },
    });
    const io = { ...fakeIo(), stdout };
    await expect(main(['tags', 'app'], io, () => Promise.resolve(fakeApi({ tags: endless })))).resolves.toBe(
      0,
    );
    expect(closed).toBe(true);
    expect(asked).toBeLessThan(100);
  });
});
