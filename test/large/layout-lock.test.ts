import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { LOCK_STALE_MS } from '../../src/content/layout-lock.js';
import { openLayout } from '../../src/content/layout-store.js';
import { waitUntil } from '../support/child.js';
import { contend } from '../support/lock-contenders.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const program = fileURLToPath(new URL('../support/layout-writer.js', import.meta.url));
const container = ['unshare', '--pid', '--fork', '--kill-child', process.execPath] as const;
const hasContainers = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;
const timeout = 120_000;

interface Writer {
  readonly child: ChildProcess;
  readonly confirmed: () => string[];
  readonly failure: () => string | undefined;
  readonly end: () => Promise<void>;
}

const writers: Writer[] = [];
afterEach(async () => {
  for (const { child } of writers) {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
  }
  await Promise.all(writers.splice(0).map(({ end }) => end()));
});
afterAll(removeTempFolders);

function startWriter(command: readonly [string, ...string[]], folder: string, prefix: string): Writer {
  const [name, ...words] = [...command, program, folder, prefix];
  const child = spawn(name, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.on('error', () => undefined);
  const lines = (): string[] => text.split('\n').slice(0, -1);
  const writer: Writer = {
    child,
    confirmed: () => lines().filter((line) => !line.startsWith('!')),
    failure: () => lines().find((line) => line.startsWith('!')),
    end: async () => {
      child.stdin.end();
      await closed;
    },
  };
  writers.push(writer);
  return writer;
}

async function tagsOf(folder: string): Promise<Set<string>> {
  const tags = new Set<string>();
  const store = await openLayout(folder, { access: 'read' });
  for await (const tag of store.tags()) tags.add(tag);
  return tags;
}

async function expectNothingLost(folder: string): Promise<void> {
  const tags = await tagsOf(folder);
  const lost = writers.flatMap(({ confirmed }) => confirmed()).filter((tag) => !tags.has(tag));
  expect(lost).toEqual([]);
}

it(
  'one of many processes that meet the lock of a dead one has it at a time, round by round',
  async () => {
    const { outcomes, left } = await contend(makeTempFolder('contended'), { processes: 8, rounds: 300 });
    const { held = 0, refused = 0, ...others } = outcomes;
    expect(others).toEqual({});
    expect([held + refused, held >= 300]).toEqual([2400, true]);
    expect(left).toEqual([]);
  },
  timeout,
);

describe.skipIf(!hasContainers)('writers in containers that all are process 1 of one host name', () => {
  it(
    'are kept apart while they live, and nothing that was confirmed is lost',
    async () => {
      const folder = makeTempFolder('containers');
      const first = startWriter(container, folder, 'a');
      await waitUntil('it writes', () => first.confirmed().length > 10);
      const others = ['b', 'c'].map((prefix) => startWriter(container, folder, prefix));
      await waitUntil('they were refused', () => others.every(({ failure }) => failure() !== undefined));
      for (const other of others) {
        expect(other.failure()).toMatch(/is held by process 1 on /);
        expect(other.confirmed()).toEqual([]);
      }
      await first.end();
      expect(first.failure()).toBeUndefined();
      await expectNothingLost(folder);
    },
    timeout,
  );

  it(
    'need no hand where one was killed: its lock is taken when it has been still for long enough',
    async () => {
      const folder = makeTempFolder('containers');
      const first = startWriter(container, folder, 'a');
      await waitUntil('it writes', () => first.confirmed().length > 10);
      first.child.kill('SIGKILL');
      await once(first.child, 'close');
      const second = startWriter(container, folder, 'b');
      await wait(LOCK_STALE_MS / 2);
      expect(second.confirmed()).toEqual([]);
      await waitFor(second);
      await second.end();
      await expectNothingLost(folder);
    },
    timeout,
  );
});

it(
  'a writer that stood still for too long finds out before it writes',
  async () => {
    const folder = makeTempFolder('stopped');
    const first = startWriter([process.execPath], folder, 'a');
    await waitUntil('it writes', () => first.confirmed().length > 10);
    first.child.kill('SIGSTOP');
    const second = startWriter([process.execPath], folder, 'b');
    await waitFor(second);
    first.child.kill('SIGCONT');
    await waitUntil('it was told', () => first.failure() !== undefined);
    expect(first.failure()).toContain('another process has taken the lock');
    const before = second.confirmed().length;
    await waitUntil('the other goes on', () => second.confirmed().length > before + 10);
    await second.end();
    expect(second.failure()).toBeUndefined();
    await expectNothingLost(folder);
  },
  timeout,
);

/** Until it writes, which takes as long as a lock takes to become stale. */
async function waitFor(writer: Writer): Promise<void> {
  for (let waited = 0; writer.confirmed().length < 10; waited += 100) {
    expect(writer.failure()).toBeUndefined();
    expect(waited).toBeLessThan(4 * LOCK_STALE_MS);
    await wait(100);
  }
}
