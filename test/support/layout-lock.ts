import { spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { LOCK_NAME } from '../../src/content/layout-lock.js';
import { thisProcess, type LockHolder } from '../../src/content/lock-holder.js';

/** Leaves the lock of another process in a layout folder, as that would have done; gives its file. */
export function leaveLock(folder: string, holder: Partial<LockHolder>, id = '0123456789abcdef'): string {
  const place = join(folder, LOCK_NAME);
  mkdirSync(place, { recursive: true });
  const file = join(place, id);
  writeFileSync(file, JSON.stringify({ ...thisProcess(), ...holder, id }));
  return file;
}

/** The lock of a process of this machine that has ended. */
export function leaveDeadLock(folder: string): string {
  return leaveLock(folder, { pid: spawnSync('true').pid });
}

/** A lock that shows signs of life until it is told to stop. */
export function leaveLivingLock(
  folder: string,
  holder: Partial<LockHolder>,
): { file: string; stop: () => void } {
  const file = leaveLock(folder, holder);
  let time = 1;
  const beats = setInterval(() => utimesSync(file, (time += 1), time), 50);
  return { file, stop: () => clearInterval(beats) };
}
