import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { onProcessEnd } from './temp.js';

// Debian keeps servers outside an ordinary user's PATH.
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter(Boolean);

/** The full path of a program on the PATH or in the folders of system programs; undefined when it is not there. */
export function findProgram(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Whether a file is there and may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is neither on the PATH nor in /usr/sbin or /sbin`);
  return path;
}

/** What a program that has ended has printed. */
export interface Output {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** How to run a program to its end. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** @default 60 000 */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. Rejects with its stderr when it ends with anything but 0, or takes too long. */
export function runProgram(name: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      requireProgram(name),
      args,
      {
        encoding: 'buffer',
        env: { PATH: folders.join(delimiter), ...options.env },
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr: stderr.toString() });
        else reject(new Error(`${name} failed: ${stderr.toString()}`, { cause: error }));
      },
    );
    // A program that reads no input may be gone before it is sent.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
}

/** A server that runs as a child process. */
export interface RunningProgram {
  /** True until the program has ended. */
  running(): boolean;
  /** The last lines that it printed, for messages about its failure. */
  lastWords(): string;
  /** Ends it and all its children with SIGKILL: none of them has anything to save. Resolves when it is gone. */
  stop(): Promise<void>;
}

/** How to start a server. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Called with each line of stdout. */
  readonly onStdout?: (line: string) => void;
  /** Called with each line of stderr. */
  readonly onStderr?: (line: string) => void;
}

// The program leads a process group of its own. Beside it waits a shell whose stdin is a pipe from this process: when
// this process is gone, however it went, the pipe ends and the shell takes the whole group with it.
const guard = `exec 3<&0
(read -r never <&3; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&-
exec "$@" </dev/null`;

/** Starts a server that cannot outlive this process. */
export function startProgram(
  name: string,
  args: readonly string[],
  options: StartOptions = {},
): RunningProgram {
  const child = spawn('/bin/sh', ['-c', guard, 'sh', requireProgram(name), ...args], {
    detached: true,
    env: { PATH: folders.join(delimiter), ...options.env },
    stdio: 'pipe',
  });
  const lines: string[] = [];
  const hear = (line: string, tell: ((line: string) => void) | undefined) => {
    lines.push(line);
    if (lines.length > 40) lines.shift();
    tell?.(line);
  };
  eachLine(child.stdout, (line) => hear(line, options.onStdout));
  eachLine(child.stderr, (line) => hear(line, options.onStderr));
  let running = true;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      running = false;
      resolve();
    };
    child.once('exit', () => killGroup(child.pid));
    // Not before its last words are read.
    child.once('close', end);
    child.once('error', end);
  });
  onProcessEnd(() => {
    if (running) killGroup(child.pid);
  });
  return {
    running: () => running,
    lastWords: () => lines.join('\n'),
    stop: async () => {
      if (running) killGroup(child.pid);
      await ended;
    },
  };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

function eachLine(stream: NodeJS.ReadableStream, tell: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) tell(line);
  });
}

/**
 * Polls `check` until it gives something else than undefined or false. Rejects after 20 s, or at once when the
 * program ends, if there is one; both errors carry its last words.
 */
export async function waitUntil<T>(
  what: string,
  check: () => T | undefined | false,
  program?: RunningProgram,
): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const running = program?.running() ?? true;
    const found = check();
    if (found !== undefined && found !== false) return found;
    if (!running || performance.now() > deadline) {
      const reason = running ? 'has not come after 20 s' : 'will not come: the program has ended';
      throw new Error(`"${what}" ${reason}; its last words were:\n${program?.lastWords() ?? ''}`);
    }
    await pause(5);
  }
}

/** A port of the loopback interface that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Calls `start` with a free port, and again with another one when somebody else took it in between. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 5 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
