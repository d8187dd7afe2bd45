import { gzipSync } from 'node:zlib';
import { mkdirSync, writeFileSync } from 'node:fs';

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { parseDigest } from '../../../src/spec/digest.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { type Ran, run } from './fake-io.js';

const before = process.cwd();

beforeEach(() => {
  process.chdir(makeTempFolder('here'));
  for (const layout of ['sk', 'team/app']) {
    mkdirSync(layout, { recursive: true });
    writeFileSync(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  }
  mkdirSync('out');
  writeFileSync('saved', gzipSync('tar'));
  writeFileSync('notes', 'text');
});
afterEach(() => process.chdir(before));
afterAll(removeTempFolders);

const found = {
  reference: 'docker.io/library/sk:latest',
  digest: parseDigest(`sha256:${'0'.repeat(64)}`),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: 1,
};

/** A run that reaches the library, which has no image. */
function missing(...argv: string[]): Promise<Ran> {
  const fail = (): Promise<never> => Promise.reject(new RegferryError('E_NOT_FOUND', 'no such image'));
  return run(argv, { copy: fail, digest: fail, promote: fail, planPromotion: fail });
}

describe('an image that has the name of something here', () => {
  it.each([
    [['digest', 'sk'], 'write oci:sk; the image at Docker Hub is docker.io/library/sk'],
    [['manifest', 'sk'], 'write oci:sk'],
    [['tags', 'sk'], 'write oci:sk'],
    [['copy', 'sk', 'r.example.com/x'], 'write oci:sk'],
    [['copy', 'r.example.com/x', 'sk'], 'write oci:sk'],
    [['copy', 'r.example.com/x', 'r.example.com/y', 'out'], 'write oci:out'],
    [
      ['copy', 'r.example.com/x', 'out:v1'],
      'write oci:out:v1; the image at Docker Hub is docker.io/library/out:v1',
    ],
    [['copy', 'r.example.com/x', 'notes'], '"notes" is a file here'],
    [['copy', 'saved', 'r.example.com/x'], 'archives are not read yet'],
    [['promote', 'sk', 'prod'], 'write oci:sk'],
    [['promote', '--to', 'out', 'r.example.com/x:1', 'prod'], 'write oci:out'],
    [['digest', 'team/app'], 'write oci:team/app; the image at Docker Hub is docker.io/team/app'],
  ])('is refused where it can hardly be meant: %j', async (argv, words) => {
    const ran = await missing(...argv);
    expect(ran).toMatchObject({ exit: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
  });

  it.each([
    [
      ['digest', 'out'],
      'out is a folder here: if that is meant, write oci:out; docker.io/library/out was asked for',
    ],
    [['digest', 'sk:v1'], 'write oci:sk:v1'],
    [['digest', 'notes'], 'notes is a file here'],
    [['copy', 'sk', 'oci:sk'], 'write oci:sk'],
    [['copy', 'sk', 'oci:./sk/:v1'], 'write oci:sk'],
    [['copy', 'r.example.com/x', 'team/app:v1'], 'write oci:team/app:v1'],
    [['digest', 'myhost:5000'], 'if myhost:5000 is a registry, write myhost:5000/REPO'],
  ])('is looked for by Docker’s rules, and told when it is not there: %j', async (argv, words) => {
    const ran = await missing(...argv);
    expect(ran.exit).toBe(4);
    expect(ran.stderr).toContain(words);
    expect(ran.stderr.trim().split('\n')).toHaveLength(2);
  });

  it('is no path', async () => {
    const { stderr } = await missing('digest', process.cwd());
    expect(stderr).not.toContain('docker.io');
  });

  it('is nothing to speak of where it is there', async () => {
    const ran = await run(['digest', 'out'], { digest: () => Promise.resolve(found) });
    expect(ran).toMatchObject({ exit: 0, stderr: '' });
  });

  it.each(['docker.io/library/sk', 'r.example.com/sk', 'localhost/sk', `sk@${found.digest}`, 'oci:sk'])(
    'is what it says where it says it: %s',
    async (image) => {
      const ran = await missing('digest', image);
      expect(ran.stderr.trim().split('\n')).toHaveLength(1);
      expect(ran.exit).toBe(4);
    },
  );
});
