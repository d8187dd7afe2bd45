import { measure, median } from './measure.js';
import { regferry } from './tools.js';

/** What it takes to start, without a network. */
export interface Start {
  readonly command: string;
  /** Seconds by the clock, the median. */
  readonly wall: number;
  /** Processor seconds, the median. */
  readonly cpu: number;
  /** `wall` over that of `node -e 0`. */
  readonly ratio: number;
}

const commands: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'node -e 0': [process.execPath, '-e', '0'],
  'regferry --version': [process.execPath, regferry, '--version'],
  'regferry --help': [process.execPath, regferry, '--help'],
};

/** Starts each command in turn, `runs` times. */
export async function compareStarts(runs: number, folder: string): Promise<readonly Start[]> {
  const costs = new Map<string, { wall: number; cpu: number }[]>();
  for (let at = 0; at < runs; at++) {
    for (const [name, command] of Object.entries(commands)) {
      costs.set(name, [...(costs.get(name) ?? []), await measure(command, folder)]);
    }
  }
  const wallOf = (name: string): number => median((costs.get(name) ?? []).map(({ wall }) => wall));
  return Object.keys(commands).map((command) => ({
    command,
    wall: wallOf(command),
    cpu: median((costs.get(command) ?? []).map(({ cpu }) => cpu)),
    ratio: wallOf(command) / wallOf('node -e 0'),
  }));
}
