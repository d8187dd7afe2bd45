import { resolve } from 'node:path';

/** The path from the root; as it was given where that cannot be told, since the working directory is gone. Never throws. */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path;
  }
}
