import { readdirSync } from 'node:fs';

import { startRegferry, type StartedCommand } from './regferry.js';

/** `regferry serve`, run as a program. */
export interface ServeProgram {
  readonly command: StartedCommand;
  /** Its name for references. */
  readonly host: string;
}

/** Starts `regferry serve` with these words behind it at a free port, and waits for its name. It cannot outlive this process. */
export async function startServeProgram(
  words: readonly string[],
  nodeFlags: readonly string[] = [],
): Promise<ServeProgram> {
  const command = startRegferry(['serve', ...words, '--addr', '127.0.0.1:0'], { nodeFlags });
  const host = await new Promise<string>((resolve, reject) => {
    let seen = '';
    command.process.stdout?.on('data', (data: Buffer) => {
      seen += data.toString();
      if (seen.includes('\n')) resolve(seen.trim());
    });
    void command.ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { command, host };
}

/** Files that are no part of a layout, such as unfinished uploads and locks, wherever they are. */
export function leftovers(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }).map(String);
  return names.filter((name) => /(?:^|\/)\.regferry/.test(name));
}
