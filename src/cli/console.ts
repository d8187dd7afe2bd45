import type { Secrets } from '../secrets/secrets.js';
import type { CommandLine } from './command-line.js';
import { gatherOptions } from './env-options.js';
import { Gate } from './gate.js';
import type { Io } from './io.js';
import { type Log, prettyLog } from './log.js';
import { optionValues } from './option-values.js';
import { type OptionTable, parseFlag } from './option.js';
import { type OutputOptions, outputOptions } from './options.js';
import { Output } from './output.js';
import { StatusArea } from './status-area.js';

/** Where a run reads and writes, and how it was asked to. */
export interface Console {
  readonly io: Io;
  readonly stdout: Output;
  readonly area: StatusArea;
  readonly log: Log;
  /** True when colours may be used on stderr. */
  readonly colour: boolean;
  readonly settings: OutputOptions;
  /** What nothing may show, wherever it came from. */
  readonly secrets: Secrets;
}

/**
 * Sets up output as the command line and the environment ask for it. `options` are those of the command. Settings that cannot be read are left at their
 * defaults: the complaint about them, which comes later, needs somewhere to go.
 */
export async function openConsole(
  line: CommandLine,
  options: OptionTable | undefined,
  io: Io,
  secrets: Secrets,
): Promise<Console> {
  const settings = readSettings(line, options, io);
  const inActions = io.env['GITHUB_ACTIONS'] === 'true';
  const gate = new Gate(secrets, inActions);
  const area = new StatusArea(io.stderr, gate);
  const colour = io.stderr.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
  const level = settings['log-level'];
  const log =
    settings['log-format'] === 'json'
      ? (await import('./json-log.js')).jsonLog(area, level)
      : prettyLog(area, { level, colour, clock: io.clock, annotate: inActions });
  return { io, stdout: new Output(io.stdout, gate), area, log, colour, settings, secrets };
}

function readSettings(line: CommandLine, options: OptionTable | undefined, io: Io): OutputOptions {
  const settings: OutputOptions = { json: false, quiet: false, 'log-level': 'info', 'log-format': 'pretty' };
  try {
    Object.assign(settings, optionValues(outputOptions, gatherOptions(outputOptions, line.given, io.env)));
  } catch {
    settings.json = parseFlag(line.given.get('json')?.at(-1) ?? io.env['REGFERRY_JSON'] ?? '') ?? false;
  }
  // A job may set REGFERRY_JSON for all its commands; those that have no such option do not heed it.
  const hasJson = options === undefined || Object.hasOwn(options, 'json');
  if (!hasJson && !line.given.has('json')) settings.json = false;
  if (settings.quiet && settings['log-level'] !== 'silent') settings['log-level'] = 'error';
  return settings;
}
