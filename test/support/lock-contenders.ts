import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { leaveDeadLock } from './layout-lock.js';

const program = fileURLToPath(new URL('lock-contender.js', import.meta.url));

/**
 * Lets processes meet the lock of a dead one, round by round, each in a folder of its own below `root`. Gives how often
 * each outcome was seen, and what was left in the folders.
 */
export async function contend(
  root: string,
  { processes, rounds }: { readonly processes: number; readonly rounds: number },
): Promise<{ outcomes: Record<string, number>; left: string[] }> {
  const contenders = Array.from({ length: processes }, () => {
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, lines };
  });
  const ended = contenders.map(({ child }) => once(child, 'exit'));
  const outcomes: Record<string, number> = {};
  const left: string[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const folder = join(root, String(round));
      mkdirSync(folder);
      leaveDeadLock(folder);
      for (const { child } of contenders) child.stdin.write(`${folder}\n`);
      for (const { value } of await Promise.all(contenders.map(({ lines }) => lines.next()))) {
        const outcome = String(value);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      left.push(...readdirSync(folder));
    }
  } finally {
    for (const { child } of contenders) child.stdin.end();
    await Promise.all(ended);
  }
  return { outcomes, left };
}
