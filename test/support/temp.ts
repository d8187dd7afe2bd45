import { accessSync, constants, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
const cleanups = new Set<() => void>();

function runCleanups(): void {
  // The last first: programs are ended before the folders that they use are removed.
  for (const cleanup of [...cleanups].reverse()) cleanup();
}

/**
 * Runs `cleanup` (which must be synchronous) when this process ends, also when it is ended by SIGINT, SIGTERM or
 * SIGHUP (vitest ends its workers with SIGTERM, which runs no 'exit' handler by itself), or when the process that
 * forked it is gone.
 */
export function onProcessEnd(cleanup: () => void): void {
  if (cleanups.size === 0) {
    process.once('exit', runCleanups);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        runCleanups();
        // The listener is gone now, so this ends the process as the signal would have.
        process.kill(process.pid, signal);
      });
    }
    // A vitest that is killed leaves its workers behind.
    process.once('disconnect', () => {
      runCleanups();
      process.kill(process.pid, 'SIGKILL');
    });
  }
  cleanups.add(cleanup);
}

/** Makes an empty folder that is removed by {@link removeTempFolder}, or else when the process ends. */
export function makeTempFolder(purpose: string): string {
  return makeFolderIn(tmpdir(), purpose);
}

/**
 * As {@link makeTempFolder}, but in memory where the system has such a place: for tests that write hundreds of files,
 * each of which is made durable, and are not about the disk.
 */
export function makeMemoryFolder(purpose: string): string {
  const memory = '/dev/shm';
  try {
    accessSync(memory, constants.W_OK);
    return makeFolderIn(memory, purpose);
  } catch {
    return makeTempFolder(purpose);
  }
}

function makeFolderIn(parent: string, purpose: string): string {
  const folder = mkdtempSync(join(realpathSync(parent), `regferry-test-${purpose}-`));
  onProcessEnd(removeTempFolders);
  folders.add(folder);
  return folder;
}

/** As {@link makeTempFolder}, for what several test files share: it stays until the process ends. */
export function makeSharedFolder(purpose: string): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `regferry-test-${purpose}-`));
  onProcessEnd(() => removeTempFolder(folder));
  return folder;
}

/** Removes a folder made by {@link makeTempFolder}, with all that is in it. */
export function removeTempFolder(folder: string): void {
  // Retries, since a server that was just killed may still be writing its last file.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  folders.delete(folder);
}

/** Removes every folder that {@link makeTempFolder} made and nobody has removed yet. */
export function removeTempFolders(): void {
  for (const folder of folders) removeTempFolder(folder);
}
