import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import { acquireLock, LOCK_NAME, LOCK_STALE_MS, type LockOptions } from '../../../src/content/layout-lock.js';
import { waitUntil } from '../../support/child.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';

let root = '';
let path = '';
beforeEach(() => {
  root = makeTempFolder('lock');
  path = join(root, LOCK_NAME);
});
afterAll(removeTempFolders);

const ID = '0123456789abcdef';

/** The lock of some process, as it would have left it. */
function leave(holder: object, id = ID): string {
  mkdirSync(path, { recursive: true });
  const file = join(path, id);
  writeFileSync(file, JSON.stringify({ ...holder, id }));
  return file;
}

const there = { pid: 4711, host: 'there' };

/** A clock on which every wait takes its time at once; `during` happens in each. */
function fakeTime(during: (look: number) => void = () => undefined): LockOptions & { passed: () => number } {
  let clock = 0;
  let looks = 0;
  return {
    passed: () => clock,
    now: () => clock,
    wait: (ms) => {
      clock += ms;
      during((looks += 1));
      return Promise.resolve();
    },
  };
}

/** Sets a file's time to another one: a sign of life. */
function touch(file: string, look: number): void {
  utimesSync(file, look, look);
}

describe('acquireLock', () => {
  it('writes down who holds the lock, and removes it with the last holder', async () => {
    const [one, two] = await Promise.all([acquireLock(root), acquireLock(root)]);
    expect(two).toBe(one);
    const [name = ''] = readdirSync(path);
    expect(JSON.parse(readFileSync(join(path, name), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
      id: name,
    });
    one.release();
    expect(existsSync(path)).toBe(true);
    two.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('can be taken again after it was released', async () => {
    (await acquireLock(root)).release();
    const lock = await acquireLock(root);
    expect(existsSync(path)).toBe(true);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a lock that shows a sign of life, and names its holder', async () => {
    const file = leave(there);
    const time = fakeTime((look) => look === 4 && touch(file, look));
    await expect(acquireLock(root, time)).rejects.toMatchObject({
      code: 'E_LAYOUT',
      retryable: true,
      message: `${path} is held by process 4711 on there, which writes to this layout; try again when it has ended`,
    });
    expect(time.passed()).toBe(1000);
    expect(readdirSync(root)).toEqual([LOCK_NAME]);
  });

  it.each<[string, object]>([
    ['of a process on another machine', there],
    ['of our own process id on this one, as in another container', { pid: process.pid, host: hostname() }],
    ['of a process that nobody knows', { host: 'here' }],
  ])('takes a lock %s over when it has shown no sign of life for long enough', async (_, holder) => {
    leave(holder);
    const time = fakeTime();
    const lock = await acquireLock(root, time);
    expect(time.passed()).toBe(LOCK_STALE_MS);
    expect(readdirSync(path)).not.toContain(ID);
    lock.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('counts again from each sign of life, whatever the clocks say', async () => {
    const file = leave(there);
    const { now = () => 0, ...time } = fakeTime();
    // The time goes back, and stands still where a sign of life is to be seen.
    touch(file, 5000);
    await expect(
      acquireLock(root, {
        ...time,
        now,
        wait: (ms) => (touch(file, 4000), time.wait?.(ms, undefined) ?? Promise.resolve()),
      }),
    ).rejects.toMatchObject({ code: 'E_LAYOUT' });
  });

  it('counts a wait for no more than it was to be: a machine that slept as a whole takes no lock', async () => {
    const file = leave(there);
    let clock = 0;
    const wait = (): Promise<void> => {
      clock += 3_600_000;
      if (clock > 7_200_000) touch(file, clock);
      return Promise.resolve();
    };
    await expect(acquireLock(root, { now: () => clock, wait })).rejects.toMatchObject({ code: 'E_LAYOUT' });
  });

  it('takes the lock of a process that is known to be gone at once', async () => {
    leave(there);
    const lock = await acquireLock(root, {
      isGone: ({ pid }) => pid === 4711,
      wait: () => Promise.reject(new Error()),
    });
    lock.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('waits for nothing where that was asked for', async () => {
    leave(there);
    await expect(acquireLock(root, { atOnce: true })).rejects.toThrow('process 4711 on there');
  });

  it('gives way to a process that took the stale lock over first', async () => {
    leave(there);
    const isGone = ({ pid }: { pid: number }): boolean => {
      rmSync(join(path, ID), { force: true });
      const other = leave({ pid: 4712, host: 'here' }, 'f'.repeat(16));
      touch(other, performance.now());
      return pid === 4711;
    };
    await expect(acquireLock(root, { isGone, ...fakeTime() })).rejects.toThrow('process 4712 on here');
    expect(readdirSync(path)).toEqual(['f'.repeat(16)]);
  });

  it('takes a lock that was left empty, and one that is given back meanwhile', async () => {
    mkdirSync(path);
    (await acquireLock(root)).release();
    const file = leave(there);
    const time = fakeTime((look) => look === 2 && rmSync(file));
    (await acquireLock(root, time)).release();
    expect(time.passed()).toBe(500);
  });

  it('takes over the file that earlier versions had for a lock, when nothing has happened to it', async () => {
    writeFileSync(path, JSON.stringify({ pid: 4711, host: 'there', id: 'x' }));
    await expect(
      acquireLock(
        root,
        fakeTime((look) => touch(path, look)),
      ),
    ).rejects.toThrow('process 4711');
    (await acquireLock(root, fakeTime())).release();
    for (const content of ['', '{', 'x'.repeat(100_000)]) {
      writeFileSync(path, content);
      (await acquireLock(root, fakeTime())).release();
      expect(readdirSync(root)).toEqual([]);
    }
  });

  it('ends, and says so, where there is something else in the place', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'precious'), '');
    await expect(acquireLock(root, fakeTime())).rejects.toThrow('holds what is no lock');
    expect(readdirSync(path)).toEqual(['precious']);
  });

  it('shows no control characters of a host', async () => {
    leave({ pid: 4711, host: 'here\u001b[2J' });
    await expect(acquireLock(root, { atOnce: true })).rejects.toThrow('is held by another process,');
  });

  it.each(['file', 'folder'])(
    'refuses a link to a %s in the place, and leaves what it points to',
    async (kind) => {
      const outside = join(makeTempFolder('outside'), 'x');
      if (kind === 'file') writeFileSync(outside, '');
      else mkdirSync(outside);
      symlinkSync(outside, path);
      await expect(acquireLock(root, fakeTime())).rejects.toMatchObject({ code: 'E_LAYOUT' });
      expect(existsSync(outside)).toBe(true);
      expect(readdirSync(root)).toEqual([LOCK_NAME]);
    },
  );

  it('stops waiting when it is told to', async () => {
    leave(there);
    const stop = new AbortController();
    const reason = new Error('enough');
    const taking = acquireLock(root, { signal: stop.signal });
    stop.abort(reason);
    await expect(taking).rejects.toMatchObject({ code: 'E_ABORTED', cause: reason });
    rmSync(path, { recursive: true });
    (await acquireLock(root)).release();
  });

  it('says so when the folder cannot be written', async () => {
    const missing = join(root, 'missing');
    await expect(acquireLock(missing)).rejects.toMatchObject({
      code: 'E_LAYOUT',
      message: `cannot lock ${missing} for writing: ENOENT: no such file or directory`,
    });
  });

  it.skipIf(process.getuid?.() === 0)('says so when the folder is read-only', async () => {
    chmodSync(root, 0o555);
    await expect(acquireLock(root)).rejects.toThrow('EACCES: permission denied');
    chmodSync(root, 0o755);
  });

  it('asks the system whether a process of its own boot and namespace is gone', async () => {
    const mine = await acquireLock(root);
    const [name = ''] = readdirSync(path);
    const holder = JSON.parse(readFileSync(join(path, name), 'utf8')) as { boot?: string; started?: string };
    mine.release();
    if (holder.boot === undefined) return;
    const { pid } = spawnSync(process.execPath, ['--version']);
    leave({ ...holder, pid });
    (await acquireLock(root, { atOnce: true })).release();
    leave({ ...holder, started: '1' });
    (await acquireLock(root, { atOnce: true })).release();
    for (const other of [{}, { namespace: 'pid:[1]' }, { boot: 'x' }, { host: 'x' }, { boot: undefined }]) {
      const file = leave({ ...holder, ...(Object.keys(other).length === 0 ? {} : { pid }), ...other });
      await expect(acquireLock(root, { atOnce: true })).rejects.toMatchObject({ code: 'E_LAYOUT' });
      rmSync(file);
    }
  });
});

describe('LayoutLock', () => {
  it('gives signs of life', async () => {
    const lock = await acquireLock(root, { beatMs: 5 });
    const file = join(path, readdirSync(path)[0] ?? '');
    touch(file, 1);
    await waitUntil('a sign of life', () => statSync(file).mtimeMs > 1000);
    lock.release();
  });

  it('is over when another process has taken it', async () => {
    const lock = await acquireLock(root);
    expect(() => lock.assertHeld()).not.toThrow();
    rmSync(path, { recursive: true });
    leave(there);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'E_IO', retryable: true }));
    expect(lock.share()).toBe(false);
    lock.release();
    expect(readdirSync(path)).toEqual([ID]);
  });

  it('is taken anew by a process that has lost it', async () => {
    const lost = await acquireLock(root);
    rmSync(path, { recursive: true });
    const lock = await acquireLock(root);
    expect(lock).not.toBe(lost);
    lost.release();
    expect(() => lock.assertHeld()).not.toThrow();
    lock.release();
    expect(readdirSync(root)).toEqual([]);
  });

  it('runs work one after the other, also after a failure', async () => {
    const lock = await acquireLock(root);
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
    const lock = await acquireLock(root);
    let times = 0;
    const clean = (): Promise<void> => {
      times += 1;
      return Promise.resolve();
    };
    await Promise.all([lock.cleanOnce(clean), (await acquireLock(root)).cleanOnce(clean)]);
    expect(times).toBe(1);
    lock.release();
    lock.release();
  });

  it('cleans again after a failure, which is for those alone who waited for it', async () => {
    const lock = await acquireLock(root);
    const fail = (): Promise<void> => Promise.reject(new Error('the disk is full'));
    const failed = await Promise.allSettled([lock.cleanOnce(fail), lock.cleanOnce(fail)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(lock.cleanOnce(() => Promise.resolve())).resolves.toBeUndefined();
    lock.release();
  });
});
