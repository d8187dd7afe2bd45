import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import { acquireLock, LOCK_NAME } from '../../../src/content/layout-lock.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';

let root = '';
let path = '';
beforeEach(() => {
  root = makeTempFolder('lock');
  path = join(root, LOCK_NAME);
});
afterAll(removeTempFolders);

const alive = { pid: 100, host: 'here', isAlive: () => true };
const dead = { pid: 100, host: 'here', isAlive: () => false };

function leave(pid: unknown, host: unknown): void {
  writeFileSync(path, JSON.stringify({ pid, host, id: 'x' }));
}

describe('acquireLock', () => {
  it('writes down who holds the lock, and removes the file with the last holder', () => {
    const one = acquireLock(root);
    const two = acquireLock(root);
    expect(two).toBe(one);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
    one.release();
    expect(existsSync(path)).toBe(true);
    two.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('can be taken again after it was released', () => {
    acquireLock(root).release();
    const lock = acquireLock(root);
    expect(existsSync(path)).toBe(true);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a lock of a living process, and names the process and the file', () => {
    leave(4711, 'here');
    const before = readFileSync(path, 'utf8');
    expect(() => acquireLock(root, alive)).toThrow(
      expect.objectContaining({
        code: 'E_LAYOUT',
        message: `${path} is held by process 4711 on here, which writes to this layout; wait for it, or remove the file if it no longer runs`,
      }),
    );
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(readdirSync(root)).toEqual([LOCK_NAME]);
  });

  it('asks the system whether the holder lives', () => {
    leave(process.ppid, hostname());
    expect(() => acquireLock(root)).toThrow(`process ${process.ppid} on`);
    const { pid } = spawnSync(process.execPath, ['--version']);
    leave(pid, hostname());
    acquireLock(root).release();
    expect(existsSync(path)).toBe(false);
  });

  it('takes over the lock of a dead process', () => {
    leave(4711, 'here');
    const lock = acquireLock(root, dead);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 100, host: 'here' });
    expect(readdirSync(root)).toEqual([LOCK_NAME]);
    lock.release();
  });

  it('takes over a lock with its own process id that it does not hold', () => {
    leave(100, 'here');
    acquireLock(root, alive).release();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['a process of another machine', { pid: 4711, host: 'there' }, 'process 4711 on there'],
    ['a file without a process', { host: 'here' }, 'another process'],
    ['a process id that stands for a group', { pid: -1, host: 'here' }, 'another process'],
    ['a process id of 0', { pid: 0, host: 'here' }, 'another process'],
    ['a host that cannot be printed', { pid: 4711, host: 'here\u001b[2J' }, 'another process'],
    ['a list', [], 'another process'],
  ])('does not take over from %s', (_, content, who) => {
    writeFileSync(path, JSON.stringify(content));
    expect(() => acquireLock(root, dead)).toThrow(`${path} is held by ${who}, which`);
    expect(existsSync(path)).toBe(true);
  });

  it.each(['', '{', 'x'.repeat(100_000)])('does not take over a file that is no lock', (content) => {
    writeFileSync(path, content);
    expect(() => acquireLock(root, dead)).toThrow('is held by another process');
  });

  it('gives way to a process that took the stale lock over first', () => {
    leave(4711, 'here');
    const isAlive = (): boolean => {
      leave(4712, 'here');
      return false;
    };
    expect(() => acquireLock(root, { pid: 100, host: 'here', isAlive })).toThrow('process 4712 on here');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 4712 });
    expect(readdirSync(root)).toEqual([LOCK_NAME]);
  });

  it('refuses a link in the place of the file, and leaves what it points to', () => {
    const outside = join(makeTempFolder('outside'), 'file');
    writeFileSync(outside, JSON.stringify({ pid: 4711, host: 'here' }));
    symlinkSync(outside, path);
    expect(() => acquireLock(root, dead)).toThrow(expect.objectContaining({ code: 'E_LAYOUT' }));
    expect(readFileSync(outside, 'utf8')).toContain('4711');
  });

  it('says so when the folder cannot be written', () => {
    const missing = join(root, 'missing');
    expect(() => acquireLock(missing)).toThrow(
      expect.objectContaining({
        code: 'E_LAYOUT',
        message: `cannot lock ${missing} for writing: ENOENT: no such file or directory`,
      }),
    );
  });

  it.skipIf(process.getuid?.() === 0)('says so when the folder is read-only', () => {
    chmodSync(root, 0o555);
    expect(() => acquireLock(root)).toThrow('EACCES: permission denied');
    chmodSync(root, 0o755);
  });
});

describe('LayoutLock', () => {
  it('leaves a lock file that is not its own', () => {
    const lock = acquireLock(root);
    leave(4711, 'there');
    lock.release();
    expect(existsSync(path)).toBe(true);
  });

  it('runs work one after the other, also after a failure', async () => {
    const lock = acquireLock(root);
    const log: string[] = [];
    const work = (name: string, fails = false) =>
      lock.exclusive(async () => {
        log.push(`${name} starts`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([work('a'), work('b', true), work('c')]);
    expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    lock.release();
  });

  it('cleans once for all of its holders', async () => {
    const lock = acquireLock(root);
    let times = 0;
    const clean = (): Promise<void> => {
      times += 1;
      return Promise.resolve();
    };
    await Promise.all([lock.cleanOnce(clean), acquireLock(root).cleanOnce(clean)]);
    expect(times).toBe(1);
    lock.release();
    lock.release();
  });
});
