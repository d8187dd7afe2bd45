import type { CopyTagsOptions } from '../api/options.js';
import { parseTagGlob } from '../spec/tag-glob.js';
import type { Call } from './command.js';
import { flag, list, type Option, type OptionsOf, type Values } from './option.js';
import { usageError } from './usage-error.js';

/** Options of a command that copies one image, or the tags of a repository. */
export interface TagsValues {
  'all-tags': boolean;
  tags: readonly string[];
  'exclude-tags': readonly string[];
}

/** Options of a command that copies one image, or the tags of a repository. What is no pattern is E_USAGE. */
export const tagsOptions: OptionsOf<TagsValues> = {
  'all-tags': flag('Command', 'copy every tag; <source> and <target> are repositories then'),
  tags: globs('with --all-tags: only tags that fit this pattern; may be repeated'),
  'exclude-tags': globs('with --all-tags: no tag that fits this pattern; may be repeated'),
};

function globs(describe: string): Option<readonly string[]> {
  const option = list('Command', 'GLOB', 'patterns', describe);
  return {
    ...option,
    parse: (given) => {
      const patterns = option.parse(given);
      patterns?.forEach(parseTagGlob); // throws E_USAGE
      return patterns;
    },
  };
}

/** What is said about one image, or keeps a plan for one. */
const imageOnly = ['platform', 'expect', 'require-platform', 'plan-out'] as const;

/**
 * Which tags are to be copied; undefined where one image is meant. Throws E_USAGE for options that go with the other of
 * the two.
 */
export function tagsOf(
  { given }: Call,
  values: Values<TagsValues>,
  command: string,
): Pick<CopyTagsOptions, 'tags' | 'excludeTags'> | undefined {
  if (values['all-tags'] === true) {
    const other = imageOnly.map((name) => given.get(name)).find((one) => one !== undefined);
    if (other === undefined) return { tags: values.tags, excludeTags: values['exclude-tags'] };
    throw usageError(`--all-tags copies each tag as it is: leave out ${other.name}`, command);
  }
  // In the environment of a job they may be meant for other commands.
  const lone = (['tags', 'exclude-tags'] as const).map((name) => given.get(name));
  const stray = lone.find((one) => one?.origin === 'command line');
  if (stray !== undefined)
    throw usageError(`${stray.name} chooses among all tags: give --all-tags, too`, command);
  return undefined;
}
