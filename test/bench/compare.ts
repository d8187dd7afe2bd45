import { startDelayProxy, type DelayProxy } from '../support/delay-proxy.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { seedHttp, type FixtureImage } from '../support/fixtures.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { measure, median, type Cost } from './measure.js';
import type { Row } from './report.js';
import { shapes, TAG, type Shape } from './shapes.js';
import { tools, type Tool } from './tools.js';

const REPOSITORY = 'bench/app';

/** What to compare. */
export interface Comparison {
  readonly shapes: readonly string[];
  /** Milliseconds of a round trip; 0 for none but the machine's own. */
  readonly roundTrips: readonly number[];
  readonly runs: number;
  readonly tell: (line: string) => void;
}

interface Run extends Cost {
  readonly requests: readonly [number, number];
  readonly connections: number;
}

/** Runs every tool in turn, `runs` times each, for every shape and network: a fresh copy to an empty registry, and again. */
export async function compare(comparison: Comparison): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const folder = makeTempFolder('bench');
  try {
    for (const shape of shapes.filter(({ name }) => comparison.shapes.includes(name))) {
      const source = await startDockerRegistry();
      try {
        await seedAll(source, shape.build());
        for (const roundTrip of comparison.roundTrips) {
          rows.push(...(await compareTools(shape, source, roundTrip, folder, comparison)));
        }
      } finally {
        await source.stop();
      }
    }
  } finally {
    removeTempFolder(folder);
  }
  return rows;
}

async function compareTools(
  shape: Shape,
  source: DockerRegistry,
  roundTrip: number,
  folder: string,
  { runs, tell }: Comparison,
): Promise<Row[]> {
  const { allTags = false } = shape;
  const results = new Map<string, Run[]>();
  for (let at = 0; at < runs; at++) {
    for (const tool of tools(allTags)) {
      for (const [kind, run] of Object.entries(await copyTwice(tool, shape, source, roundTrip, folder))) {
        const key = JSON.stringify([kind, tool.name]);
        results.set(key, [...(results.get(key) ?? []), run]);
        tell(`${shape.name} ${roundTrip} ms ${kind} ${tool.name}: ${run.wall.toFixed(2)} s`);
      }
    }
  }
  const network = roundTrip === 0 ? 'loopback' : `${roundTrip} ms`;
  return ['fresh', 'again'].flatMap((kind) =>
    tools(allTags).map((tool) => {
      const runsOf = results.get(JSON.stringify([kind, tool.name])) ?? [];
      const middle = (pick: (run: Run) => number): number => median(runsOf.map(pick));
      return {
        shape: shape.name,
        network,
        kind,
        tool: tool.name,
        wall: middle(({ wall }) => wall),
        cpu: middle(({ cpu }) => cpu),
        memory: middle(({ memory }) => memory),
        requests: [middle(({ requests }) => requests[0]), middle(({ requests }) => requests[1])] as const,
        connections: middle(({ connections }) => connections),
      };
    }),
  );
}

/** Seeds what images share once, and several images at a time. */
async function seedAll(registry: DockerRegistry, images: ReadonlyMap<string, FixtureImage>): Promise<void> {
  const seeded = new Set<string>();
  const left = [...images].map(([tag, image]) => {
    const blobs = new Map([...image.blobs].filter(([digest]) => !seeded.has(digest)));
    for (const digest of blobs.keys()) seeded.add(digest);
    return { tag, image: { ...image, blobs } };
  });
  const [first, ...rest] = left;
  // What the first brings, the others may need.
  if (first !== undefined) await seedHttp(registry.url, REPOSITORY, first.image, first.tag);
  const work = async (): Promise<void> => {
    for (let next; (next = rest.shift()) !== undefined;) {
      await seedHttp(registry.url, REPOSITORY, next.image, next.tag);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
}

async function copyTwice(
  tool: Tool,
  { allTags = false }: Shape,
  source: DockerRegistry,
  roundTrip: number,
  folder: string,
): Promise<Record<'fresh' | 'again', Run>> {
  const target = await startDockerRegistry();
  const proxies: DelayProxy[] = [];
  const reach = async (registry: DockerRegistry): Promise<string> => {
    if (roundTrip === 0) return registry.host;
    const proxy = await startDelayProxy({ port: registry.port, roundTripMs: roundTrip });
    proxies.push(proxy);
    return proxy.host;
  };
  const [from, to] = [`${await reach(source)}/${REPOSITORY}`, `${await reach(target)}/${REPOSITORY}`];
  const command = allTags ? tool.copyTags?.(from, to, folder) : tool.copy?.(`${from}:${TAG}`, `${to}:${TAG}`);
  if (command === undefined) throw new Error(`${tool.name} cannot do that`);
  const once = async (): Promise<Run> => {
    await Promise.all([source.clearRequests(), target.clearRequests()]);
    const before = connectionsOf(proxies);
    const cost = await measure(command, folder);
    const counts = [
      (await source.settledRequests()).length,
      (await target.settledRequests()).length,
    ] as const;
    return { ...cost, requests: counts, connections: connectionsOf(proxies) - before };
  };
  try {
    return { fresh: await once(), again: await once() };
  } finally {
    await Promise.all([target.stop(), ...proxies.map((proxy) => proxy.stop())]);
  }
}

function connectionsOf(proxies: readonly DelayProxy[]): number {
  if (proxies.length === 0) return NaN;
  return proxies.reduce((sum, proxy) => sum + proxy.connections(), 0);
}
