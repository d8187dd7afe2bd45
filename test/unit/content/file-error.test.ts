import { describe, expect, it } from 'vitest';

import { fileReason, guarded, isDiskFull, isFileError } from '../../../src/content/file-error.js';
import { RegferryError } from '../../../src/errors.js';

function refusal(code: string, text = 'words of the system'): Error {
  return Object.assign(new Error(`${code}: ${text}, open '/x'`), { code });
}

const told = async (code: string): Promise<string> => {
  const error: unknown = await guarded('write', '/x', () => Promise.reject(refusal(code))).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'E_IO' });
  return error instanceof Error ? error.message : '';
};

describe('what a file system refuses', () => {
  it.each([
    ['EROFS', 'read-only file system', 'choose a place that can be written'],
    ['EACCES', 'permission denied', 'check who may'],
    ['EPERM', 'not permitted', 'check who may'],
    ['ENOTDIR', 'no folder', 'check the path'],
    ['ENOSPC', 'no space left', 'make room'],
    ['EDQUOT', 'quota', 'make room'],
    ['EMFILE', 'too many open files in this process', 'ulimit -n'],
    ['ENFILE', 'too many open files on this machine', 'limit'],
    ['ELOOP', 'too many links', 'links'],
    ['ENAMETOOLONG', 'too long', 'shorter'],
    ['EIO', 'device failed', 'check the disk'],
    ['ESTALE', 'network mount', 'check the mount'],
  ])('is told in its own words: %s', async (code, words, advice) => {
    const message = await told(code);
    expect(message.startsWith(`cannot write /x: ${code}: `)).toBe(true);
    expect(message).toContain(words);
    expect(message.slice(message.indexOf(';'))).toContain(advice);
  });

  it("is told in the system's words where it is nothing that is known", async () => {
    expect(await told('EWEIRD')).toBe(
      'cannot write /x: EWEIRD: words of the system; check its permissions and the free space',
    );
    expect(fileReason('text')).toBe('text');
  });

  it('is found below other errors', () => {
    const inner = new RegferryError('E_IO', 'x', { cause: refusal('ENOSPC') });
    const outer = new RegferryError('E_LAYOUT', 'x', { cause: inner });
    expect([isDiskFull(outer), isFileError(outer)]).toEqual([true, true]);
    expect(isDiskFull(refusal('EACCES'))).toBe(false);
    expect(isFileError(new RegferryError('E_LAYOUT', 'x'))).toBe(false);
  });
});
