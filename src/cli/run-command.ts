import type { Call, Command } from './command.js';
import { EXIT_OK } from './exit-codes.js';
import { failureOf } from './failure.js';
import { interruptible } from './interruption.js';
import { optionValues } from './option-values.js';
import { connectionOptions } from './options.js';
import { tellFailure } from './tell-failure.js';

/**
 * Runs one command to its end, with signals and --timeout heeded, and tells how it failed if it did. Resolves with the
 * exit code. Throws E_USAGE for option values about the connection that cannot be read.
 */
export async function runCommand(command: Command, parts: Omit<Call, 'interruption'>): Promise<number> {
  const { timeout } = optionValues(connectionOptions, parts.given);
  const interruption = interruptible(parts.io, timeout, command.whenInterrupted);
  try {
    await command.run({ ...parts, interruption });
    await parts.stdout.flush();
    return EXIT_OK;
  } catch (error) {
    return await tellFailure(parts, failureOf(error, interruption.ending()), command, parts.args);
  } finally {
    interruption.dispose();
  }
}
