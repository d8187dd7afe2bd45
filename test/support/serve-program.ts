import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { hasCode } from '../../src/content/file-error.js';
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

/** Files and folders that are no part of a layout, such as unfinished uploads and locks, wherever they are. */
export function leftovers(folder: string): string[] {
  return entriesBelow(folder)
    .map((path) => path.slice(folder.length + 1))
    .filter((name) => /(?:^|\/)\.regferry/.test(name));
}

/** Node's own recursive readdir fails when a folder goes away meanwhile, as locks do. */
function entriesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...entriesBelow(path)] : [path];
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
