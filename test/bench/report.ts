import type { Start } from './start.js';

/** The medians of one tool for one shape. */
export interface Row {
  readonly shape: string;
  /** `loopback`, or `50 ms`. */
  readonly network: string;
  /** `fresh` or `again`. */
  readonly kind: string;
  readonly tool: string;
  readonly wall: number;
  readonly cpu: number;
  readonly memory: number;
  /** Requests at the source and at the target. */
  readonly requests: readonly [source: number, target: number];
  /** Connections at both; NaN where nothing counts them. */
  readonly connections: number;
}

/** A Markdown table with regferry's time as a ratio to the best of the others. */
export function markdown(rows: readonly Row[]): string {
  const head = [
    'shape',
    'network',
    'copy',
    'tool',
    'wall s',
    'cpu s',
    'peak MB',
    'requests',
    'connections',
    'ratio',
  ];
  const lines = rows.map((row) => [
    row.shape,
    row.network,
    row.kind,
    row.tool,
    row.wall.toFixed(2),
    shown(row.cpu, 2),
    shown(row.memory, 0),
    `${row.requests[0]} + ${row.requests[1]}`,
    shown(row.connections, 0),
    ratio(row, rows),
  ]);
  return table(head, lines);
}

/** A Markdown table of what it takes to start. */
export function startTable(starts: readonly Start[]): string {
  const lines = starts.map(({ command, wall, cpu, ratio: over }) => [
    `\`${command}\``,
    wall.toFixed(3),
    shown(cpu, 2),
    over.toFixed(2),
  ]);
  return table(['command', 'wall s', 'cpu s', 'ratio'], lines);
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function shown(value: number, digits: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(digits);
}

function ratio(row: Row, rows: readonly Row[]): string {
  if (row.tool !== 'regferry') return '';
  const peers = rows.filter(
    ({ shape, network, kind, tool }) =>
      shape === row.shape && network === row.network && kind === row.kind && tool !== 'regferry',
  );
  const best = Math.min(...peers.map(({ wall }) => wall));
  return Number.isFinite(best) ? (row.wall / best).toFixed(2) : '-';
}
