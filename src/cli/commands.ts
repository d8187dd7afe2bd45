import type { Command } from './command.js';
import { applyCommand } from './commands/apply.js';
import { completionCommand } from './commands/completion.js';
import { copyCommand } from './commands/copy.js';
import { digestCommand } from './commands/digest.js';
import { loginCommand } from './commands/login.js';
import { logoutCommand } from './commands/logout.js';
import { manifestCommand } from './commands/manifest.js';
import { promoteCommand } from './commands/promote.js';
import { serveCommand } from './commands/serve.js';
import { tagsCommand } from './commands/tags.js';
import { flag, type OptionTable } from './option.js';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  copyCommand,
  promoteCommand,
  applyCommand,
  digestCommand,
  manifestCommand,
  tagsCommand,
  loginCommand,
  logoutCommand,
  serveCommand,
  completionCommand,
];

/** Options that are not about a command but instead of one. */
const programOptions = {
  help: flag('Output', 'tell about this command', { short: 'h' }),
  version: flag('Output', 'tell which version this is', { short: 'V' }),
};

/** The options of all commands together. An option of one name takes, or does not take, a value in all of them. */
export const allOptions: OptionTable = Object.assign(
  {},
  programOptions,
  ...commands.map((command) => command.options),
) as OptionTable;
