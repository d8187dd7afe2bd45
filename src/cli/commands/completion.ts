import { command, type Command } from '../command.js';
import { scripts, shells } from '../completion/scripts.js';
import { logOptions, type OutputOptions } from '../options.js';
import { usageError } from '../usage-error.js';

/** `regferry completion`: the script that lets a shell complete commands, options and tags. */
export const completionCommand: Command = command<Omit<OutputOptions, 'json'>>({
  name: 'completion',
  summary: 'print what a shell needs to complete commands, options and tags',
  description: [
    'Prints a script for bash, zsh or fish. With it, the Tab key completes commands, options, the words and files that they take, layouts (oci:FOLDER:TAG), and tags, for which the registry is asked: app:1.<Tab>.',
  ],
  arguments: { usage: '<shell>', missing: ['the shell: bash, zsh or fish'], most: 1 },
  examples: [
    ['source <(regferry completion bash)', 'in ~/.bashrc'],
    ['regferry completion zsh > ~/.zfunc/_regferry', 'with fpath+=~/.zfunc before compinit in ~/.zshrc'],
    ['regferry completion fish > ~/.config/fish/completions/regferry.fish', 'for every fish'],
  ],
  options: { ...logOptions },
  async run(call) {
    const shell = shells.find((name) => name === call.args[0]);
    if (shell === undefined) {
      throw usageError(`there is a completion for ${shells.join(', ')} alone`, 'completion');
    }
    await call.stdout.write(scripts[shell]);
  },
});
