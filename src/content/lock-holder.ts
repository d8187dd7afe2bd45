import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

import { hasCode } from './file-error.js';

/** Who holds a lock, as it is written down. */
export interface LockHolder {
  readonly pid: number;
  /** Name of the machine, or of the container. */
  readonly host: string;
  /** When the process began, as the system counts it: tells it from a later one with its id. */
  readonly started?: string | undefined;
  /** The boot of the system that the process belongs to. */
  readonly boot?: string | undefined;
  /** The namespace in which the process id counts. */
  readonly namespace?: string | undefined;
}

let own: LockHolder | undefined;

/** This process. What its system does not tell is left out, as everything but id and host is outside of Linux. */
export function thisProcess(): LockHolder {
  own ??= {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    boot: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: read(() => readlinkSync('/proc/self/ns/pid')),
  };
  return own;
}

/**
 * True when a holder is known to be gone: an id says something among processes of one boot and one namespace alone.
 * False means that nothing is known.
 */
export function isGone(holder: LockHolder, self: LockHolder = thisProcess()): boolean {
  const { host, boot, namespace } = self;
  if (boot === undefined || namespace === undefined) return false;
  if (holder.host !== host || holder.boot !== boot || holder.namespace !== namespace) return false;
  if (!isRunning(holder.pid)) return true;
  const started = startOf(holder.pid);
  return started !== undefined && holder.started !== undefined && started !== holder.started;
}

/** What a lock's file says of its holder; undefined for anything else. */
export function parseHolder(text: string): (LockHolder & { readonly id?: string | undefined }) | undefined {
  const value = read<unknown>(() => JSON.parse(text));
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('host' in value))
    return undefined;
  const { pid, host } = value;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  if (typeof host !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(host)) return undefined;
  const field = (name: string): string | undefined => {
    const found: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
    return typeof found === 'string' ? found : undefined;
  };
  return {
    pid,
    host,
    id: field('id'),
    started: field('started'),
    boot: field('boot'),
    namespace: field('namespace'),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return !hasCode(error, 'ESRCH');
  }
}

/** Field 22 of proc_pid_stat(5). Undefined too where /proc tells of another namespace than that of our ids. */
function startOf(pid: number): string | undefined {
  return read(() => {
    if (readlinkSync('/proc/self') !== String(process.pid)) return undefined;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name, which may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  });
}

function read<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
