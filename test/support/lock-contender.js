// Takes the lock of each folder that it is told on stdin, a line each, and tells how that went: `held` when it was alone
// with it, `shared` when somebody else had it at the same time, `refused` where a living process had it, else the error.
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';

const built = new URL('../../dist/content/layout-lock.js', import.meta.url).href;
/** @type {unknown} */
const library = await import(built);
const { acquireLock } = /** @type {typeof import('../../src/content/layout-lock.js')} */ (library);

// Looks are taken one after the other, so that many rounds take little time.
const wait = async () => {
  await setImmediate();
};

/** @param {string} root */
async function contend(root) {
  const lock = await acquireLock(root, { wait });
  const alone = join(root, 'alone');
  try {
    mkdirSync(alone);
  } catch {
    return 'shared';
  }
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  lock.assertHeld();
  rmdirSync(alone);
  lock.release();
  return 'held';
}

for await (const root of createInterface({ input: process.stdin })) {
  const outcome = await contend(root).catch((/** @type {unknown} */ error) =>
    String(error).includes('is held by process') ? 'refused' : String(error),
  );
  process.stdout.write(`${outcome}\n`);
}
