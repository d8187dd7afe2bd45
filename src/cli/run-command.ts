import type { Call, Command } from './command.js';
import { EXIT_OK } from './exit-codes.js';
import { failureOf } from './failure.js';
import { interruptible } from './interruption.js';
import { localNames } from './local-names.js';
import { optionValues } from './option-values.js';
import { connectionOptions } from './options.js';
import { tellFailure } from './tell-failure.js';

/** Ends of a run in which the image was perhaps looked for in the wrong place: no access, not there, refused, no network. */
const mayBeMisnamed: ReadonlySet<number> = new Set([3, 4, 6, 7, 9]);

/**
 * Runs one command to its end, with signals and --timeout heeded, and tells how it failed if it did. Resolves with the
 * exit code. Throws E_USAGE for option values about the connection that cannot be read.
 */
export async function runCommand(command: Command, parts: Omit<Call, 'interruption'>): Promise<number> {
  const { timeout } = optionValues(connectionOptions, parts.given);
  const interruption = interruptible(parts.io, timeout, command.whenInterrupted);
  let doubts: readonly string[] = [];
  try {
    doubts = localNames(command, parts);
    await command.run({ ...parts, interruption });
    await parts.stdout.flush();
    return EXIT_OK;
  } catch (error) {
    const failure = failureOf(error, interruption.ending());
    if (mayBeMisnamed.has(failure.exit)) for (const doubt of doubts) parts.log.write('warn', doubt);
    return await tellFailure(parts, failure, command, parts.args);
  } finally {
    interruption.dispose();
  }
}
