import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Candidate } from './candidate.js';

/** Finds the tags of a repository, or of `oci:FOLDER`, that begin with some text. Never rejects. */
export type TagFinder = (repository: string, beginning: string) => Promise<readonly string[]>;

/**
 * Images that begin as this word does: `app:1.` goes on with the tags of `app`, `oci:air/` with folders, and
 * `oci:air/app:` with the tags in the layout. Without a finder there are no tags.
 */
export async function completeImage(
  word: string,
  find: TagFinder | undefined,
): Promise<readonly Candidate[]> {
  const [, folder] = /^oci:([^:@]*)$/.exec(word) ?? [];
  if (folder !== undefined) return completeFolder(folder);
  const [, repository = '', tag = ''] = /^(.*[^/]):([^/@:]*)$/.exec(word) ?? [];
  // Before the first slash a colon stands before a port, unless no registry can be meant.
  const isLayout = repository.startsWith('oci:');
  const isHost = !isLayout && !repository.includes('/') && /[.:]|^localhost$/.test(repository);
  if (find === undefined || repository === '' || isHost) return [];
  return (await find(repository, tag)).map((found) => [`${repository}:${found}`]);
}

/** Tags of the repository that an image is in. */
export async function completeTag(image: string, find: TagFinder): Promise<readonly Candidate[]> {
  const [, repository = ''] = /^(.+?)(?::[^/:@]*)?(?:@.*)?$/.exec(image) ?? [];
  return (await find(repository, '')).map((tag) => [tag]);
}

/** A layout can be followed by a tag, any other folder by what is in it. */
function completeFolder(path: string): readonly Candidate[] {
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  try {
    return readdirSync(parent === '' ? '.' : parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => {
        const isLayout = existsSync(join(parent, name, 'oci-layout'));
        return [`oci:${parent}${name}${isLayout ? ':' : '/'}`] as const;
      });
  } catch {
    return [];
  }
}
