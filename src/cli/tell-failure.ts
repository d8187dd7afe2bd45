import { withoutUser } from '../spec/reference.js';
import type { Command, Failure } from './command.js';
import type { Console } from './console.js';
import { EXIT_OK } from './exit-codes.js';
import { failureLines, stackLines } from './failure.js';
import { errorDocument, jsonText } from './json.js';
import { ReaderGoneError } from './output.js';

/**
 * Tells how a run failed: a line for each thing that went wrong on stderr, stack traces at debug level, and with --json
 * the one document on stdout. Resolves with the exit code.
 */
export async function tellFailure(
  console: Console,
  failure: Failure,
  command: Command | undefined,
  args: readonly string[],
): Promise<number> {
  if (failure.thrown instanceof ReaderGoneError) return EXIT_OK;
  console.secrets.redactError(failure.thrown);
  console.secrets.redactError(failure.error);
  const { code, side } = failure.error;
  const twoSided = command?.twoSided === true;
  for (const line of failureLines(failure, twoSided)) {
    console.log.write('error', line, { code, exit: failure.exit, side });
  }
  for (const line of stackLines(failure.thrown)) console.log.write('debug', line);
  if (console.settings.json) {
    const document = command?.failureDocument?.(args.map(withoutLogin), failure) ?? {
      ok: false,
      error: errorDocument(failure.error, twoSided, failure.exit),
    };
    try {
      await console.stdout.line(jsonText(document));
      await console.stdout.flush();
    } catch {
      // The failure is told on stderr and by the exit code; stdout has nobody to tell it to, or no room.
    }
  }
  return failure.exit;
}

/** An argument as documents repeat it; the name of a folder may have an @ in it. */
function withoutLogin(argument: string): string {
  return argument.startsWith('oci:') ? argument : withoutUser(argument);
}
