import { setTimeout as sleep } from 'node:timers/promises';

import { RegferryError } from '../../src/errors.js';
import { copyAtOnce, type RunOptions } from '../support/copy-run.js';
import { rule } from '../support/faults.js';
import {
  blob,
  fixtureImages,
  imageManifest,
  repositoryFor,
  seed as seedStore,
  type FixtureImage,
} from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { chance, pick } from './chance.js';
import { randomFaults, type FaultCounts } from './random-faults.js';

/** What to do. */
export interface SoakOptions {
  readonly images: number;
  readonly seed: number;
  /** Faults a request. @default 0.1 */
  readonly rate?: number;
}

/** What came of it. */
export interface SoakReport extends FaultCounts {
  /** Images that arrived at the first run of the copy. */
  copied: number;
  /** Those that took another run, and why. */
  readonly again: string[];
  readonly milliseconds: number;
}

const runs = 3;
const atATime = 4;
const old = imageManifest({ layers: [blob(100, 1)] });

/**
 * Copies images of every shape between registries under random faults, some to two at once. After each run the target's tag is what it
 * was or exactly the source's, with all that belongs to it; otherwise this throws, and so it does when an image has not
 * arrived after three runs of its copy.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { images, seed, rate = 0.1 } = options;
  const since = performance.now();
  const report: Omit<SoakReport, 'milliseconds'> = { copied: 0, again: [], requests: 0, kinds: new Map() };
  const faulty = (side: number) =>
    startRegistry({ rules: [rule({}, randomFaults(seed + side, rate, report))] });
  const [source, target, mirror] = await Promise.all([faulty(0), faulty(1), faulty(2)]);
  const shapes = Object.entries(fixtureImages());
  const [first, ...others] = shapes;
  if (first === undefined) throw new Error('there are no fixtures');
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < images; at = next++) {
      const random = chance(seed, at);
      const [name, image] = pick(random, [first, ...others]);
      await copyOne({
        source,
        target,
        mirror,
        image,
        repository: `${repositoryFor(name)}/${at}`,
        random,
        report,
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: atATime }, work));
  } finally {
    await Promise.all([source, target, mirror].map((registry) => registry.close()));
  }
  return { ...report, milliseconds: Math.round(performance.now() - since) };
}

interface Task {
  readonly source: TestRegistry;
  readonly target: TestRegistry;
  /** A second target, of some copies. */
  readonly mirror: TestRegistry;
  readonly image: FixtureImage;
  readonly repository: string;
  readonly random: () => number;
  readonly report: Pick<SoakReport, 'again'> & { copied: number };
}

async function copyOne({ source, target, mirror, image, repository, random, report }: Task): Promise<void> {
  const previous = random() < 0.5 ? old : undefined;
  // Some within one registry, so that there are mounts; some in chunks.
  const from = random() < 0.2 ? target : source;
  const options: RunOptions = {
    idleTimeoutMs: 400,
    answerTimeoutMs: 400,
    ...(random() < 0.3 ? { chunkSize: chunkSizeFor(image, random) } : {}),
  };
  await seedStore(from.store(`from/${repository}`), image, 'v1');
  const targets = random() < 0.3 ? [target, mirror] : [target];
  const stores = targets.map((registry) => registry.store(repository));
  if (previous !== undefined) for (const store of stores) await seedStore(store, previous, 'v1');
  // Waits are a hundredth of what they would be.
  const waits = {
    slept: [],
    sleep: (ms: number, signal?: AbortSignal) => sleep(ms / 100, undefined, { signal }),
  };
  for (let run = 1; ; run += 1) {
    const failure = await copyAtOnce(
      `${from.host}/from/${repository}:v1`,
      targets.map(({ host }) => `${host}/${repository}`),
      options,
      waits,
    )
      .then(() => undefined)
      .catch((error: unknown) => error);
    for (const store of stores) {
      const digest = store.tagged('v1');
      if (digest === image.root.descriptor.digest) await expectSame(store, image, 'v1');
      else if (digest !== previous?.root.descriptor.digest)
        throw new Error(`${repository}: the tag is ${String(digest)}`);
    }
    const arrived = stores.every((store) => store.tagged('v1') === image.root.descriptor.digest);
    if (failure === undefined && arrived) {
      report.copied += run === 1 ? 1 : 0;
      return;
    }
    if (!(failure instanceof RegferryError) || failure.code === 'E_INTERNAL') {
      throw new Error(`${repository}: run ${run} ended in a way of its own`, { cause: failure });
    }
    report.again.push(`${repository}: ${failure.code}: ${failure.message}`);
    if (run === runs) throw new Error(`${repository}: not copied in ${runs} runs`, { cause: failure });
  }
}

/** So that the largest blob has up to ten chunks. */
function chunkSizeFor({ blobs }: FixtureImage, random: () => number): number {
  const largest = Math.max(...[...blobs.values()].map(({ length }) => length), 0);
  return Math.max(500, Math.ceil(largest / (1 + Math.floor(random() * 10))));
}

/** The report in a few lines. */
export function describeSoak({ images, seed }: SoakOptions, report: SoakReport): string {
  const faults = [...report.kinds.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...report.kinds].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`);
  return [
    `seed ${seed}: ${report.copied} of ${images} images copied at the first run, ${report.again.length} runs had to be repeated`,
    `${report.requests} requests, ${faults} faults in ${(report.milliseconds / 1000).toFixed(1)} s: ${kinds.join(', ')}`,
    ...report.again,
  ].join('\n');
}
