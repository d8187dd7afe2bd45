import type { Guards } from '../api/guards.js';
import { RegferryError, toRegferryError } from '../errors.js';
import { parseDigest } from '../spec/digest.js';
import { parsePlatform } from '../spec/platform.js';
import { flag, list, type OptionsOf, text, type Values } from './option.js';

/** Conditions for writing anything at all. */
export interface GuardValues {
  expect: string;
  'if-target': string;
  'no-clobber': boolean;
  'require-platform': readonly string[];
}

/** Conditions for writing anything at all. What is no digest is E_REFERENCE, what is no platform E_USAGE. */
export const guardOptions: OptionsOf<GuardValues> = {
  expect: {
    ...text('Command', 'DIGEST', 'a digest like sha256:…', 'only if the source is this digest'),
    parse: (given) => parseDigest(given),
  },
  'if-target': {
    ...text(
      'Command',
      'DIGEST|absent',
      'a digest like sha256:…, or absent',
      'only if each tag is this digest now, or absent',
    ),
    parse: parseTargetState,
  },
  'no-clobber': flag('Command', 'overwrite no tag; one that is the source already is fine'),
  'require-platform': {
    ...list('Command', 'OS/ARCH,…', 'platforms', 'only if the source holds these platforms'),
    expects: 'platforms such as linux/amd64,linux/arm64',
    parse: (given) => {
      const platforms = given.split(',').map((platform) => platform.trim());
      platforms.forEach(parsePlatform); // throws E_USAGE
      return platforms;
    },
  },
};

/** Words for what a registry without the tag has. */
const NO_TAG = /^(?:none|null|nil|no|nothing|missing|empty|new|-)$/i;

function parseTargetState(given: string): string {
  if (/^absent$/i.test(given)) return 'absent';
  const meant = NO_TAG.test(given) ? '; did you mean absent?' : ', or absent where there must be no tag';
  try {
    return parseDigest(given);
  } catch (error) {
    const { code, message } = toRegferryError(error);
    throw new RegferryError(code, `${message}${meant}`, { cause: error });
  }
}

/** The guards that were asked for. */
export function guardsOf(values: Values<GuardValues>): Guards {
  return {
    expect: values.expect,
    ifTarget: values['if-target'],
    noClobber: values['no-clobber'],
    requirePlatforms: values['require-platform'],
  };
}
