import { Secrets } from '../secrets/secrets.js';
import { version } from '../version.js';
import { type Api, loadApi } from './api.js';
import { readCommandLine } from './command-line.js';
import { commands, allOptions } from './commands.js';
import { complete, COMPLETE } from './completion/complete.js';
import { type Console, openConsole } from './console.js';
import { gatherOptions } from './env-options.js';
import { EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import { failureOf } from './failure.js';
import { holdGiven } from './given-secrets.js';
import { commandHelp, programHelp } from './help.js';
import { type Io, processIo } from './io.js';
import { namedCommand, readRequest, type Request } from './request.js';
import { runCommand } from './run-command.js';
import { tellFailure } from './tell-failure.js';

/**
 * Runs the command line: `argv` is what follows the program's name. Resolves with the exit code (docs/cli.md lists
 * them) once everything is written and nothing runs any more. `io` and `load` are for tests.
 */
export async function main(
  argv: readonly string[],
  io: Io = processIo(),
  load: () => Promise<Api> = loadApi,
): Promise<number> {
  if (argv[0] === COMPLETE) return await complete(argv.slice(1), io, load);
  const line = readCommandLine(argv, allOptions);
  const command = namedCommand(line, commands);
  const secrets = new Secrets();
  holdGiven(secrets, argv, io.env, allOptions);
  const console = await openConsole(line, command?.options, io, secrets);
  try {
    const request = readRequest(line, commands);
    if (request.kind !== 'run') return await inform(request, console);
    const given = gatherOptions(request.command.options, line.given, io.env);
    return await runCommand(request.command, { ...console, args: request.args, given, loadApi: load });
  } catch (error) {
    // After a misspelt option a word may be its value, and that a secret: such words are not repeated.
    const args = line.problem === undefined ? line.words.slice(1) : [];
    return tellFailure(console, failureOf(error), command, args);
  }
}

async function inform(request: Exclude<Request, { kind: 'run' }>, console: Console): Promise<number> {
  const { io, stdout } = console;
  const { columns } = io.stdout;
  if (request.kind === 'nothing') {
    io.stderr.write(programHelp(commands, io.stderr.columns));
    return EXIT_USAGE;
  }
  if (request.kind === 'version') await stdout.line(version);
  else if (request.command === undefined) await stdout.write(programHelp(commands, columns));
  else await stdout.write(commandHelp(request.command, columns));
  await stdout.flush();
  return EXIT_OK;
}
