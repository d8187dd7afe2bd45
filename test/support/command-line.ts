import { PassThrough, Writable } from 'node:stream';

import { loadApi, type Api } from '../../src/cli/api.js';
import { processIo, type Io } from '../../src/cli/io.js';
import { main } from '../../src/cli/main.js';

/** What one run printed, and how it ended. */
export interface CommandLineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run the command line. */
export interface CommandLineOptions {
  /** All of its environment. Without HOME, the home folder is one that does not exist. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** What the library is to be, for tests that look at what it throws. @default the library */
  readonly load?: () => Promise<Api>;
}

/**
 * Runs the command line in this process, with all that it does but starting node: for tests that need many runs.
 * See regferry.ts for the command as a user starts it.
 */
export async function commandLine(
  args: readonly string[],
  options: CommandLineOptions = {},
): Promise<CommandLineResult> {
  const stdout = new Sink();
  const stderr = new Sink();
  const stdin = new PassThrough();
  stdin.end(options.input ?? '');
  const io: Io = {
    ...processIo(),
    stdout,
    stderr,
    stdin,
    env: { HOME: '/nonexistent', PATH: process.env['PATH'] ?? '', ...options.env },
    onSignal: () => () => undefined,
  };
  const code = await main(args, io, options.load ?? loadApi);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
