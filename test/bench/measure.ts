import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What one run of a program cost. */
export interface Cost {
  /** Seconds by the clock. */
  readonly wall: number;
  /** Processor seconds, user and system. */
  readonly cpu: number;
  /** Peak memory, MB. */
  readonly memory: number;
}

const clock = '/usr/bin/time';

/** Runs a program to its end and measures the whole process. Without GNU time only the clock is read. */
export async function measure(command: readonly [string, ...string[]], folder: string): Promise<Cost> {
  const file = join(folder, 'time');
  const timed = existsSync(clock);
  const [program, ...args] = timed ? [clock, '-q', '-o', file, '-f', '%U %S %M', ...command] : command;
  const start = performance.now();
  await run(program, args);
  const wall = (performance.now() - start) / 1000;
  if (!timed) return { wall, cpu: NaN, memory: NaN };
  const [user = NaN, system = NaN, kilobytes = NaN] = readFileSync(file, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  rmSync(file);
  return { wall, cpu: user + system, memory: (kilobytes * 1024) / 1e6 };
}

function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${words.slice(-500)}`));
    });
  });
}

/** The middle value; of two middle ones, the lower. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}
