import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { onProcessEnd } from './temp.js';

const bin = fileURLToPath(new URL('../../bin/regferry.js', import.meta.url));

/** What one run of the command line printed, and how it ended. */
export interface CommandResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** How to run the command line. */
export interface CommandOptions {
  /** Environment besides PATH and an empty home. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Flags for node itself. */
  readonly nodeFlags?: readonly string[];
}

/** A run of the command line that is under way. */
export interface StartedCommand {
  readonly process: ChildProcess;
  readonly ended: Promise<CommandResult>;
}

/** Starts `regferry` as a user would; it cannot outlive this process. The home folder is one that does not exist. */
export function startRegferry(args: readonly string[], options: CommandOptions = {}): StartedCommand {
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), bin, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...options.env },
    stdio: 'pipe',
  });
  onProcessEnd(() => child.kill('SIGKILL'));
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
  return { process: child, ended };
}

/** Runs `regferry` to its end. */
export function regferry(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startRegferry(args, options).ended;
}
