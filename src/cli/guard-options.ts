import type { Guards } from '../api/guards.js';
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
    ...text('Command', 'DIGEST', 'only if the source is this digest'),
    parse: (given) => parseDigest(given),
  },
  'if-target': {
    ...text('Command', 'DIGEST|absent', 'only if each tag is this digest now, or absent'),
    parse: (given) => (given === 'absent' ? given : parseDigest(given)),
  },
  'no-clobber': flag('Command', 'overwrite no tag; one that is the source already is fine'),
  'require-platform': {
    ...list('Command', 'OS/ARCH,…', 'only if the source holds these platforms'),
    parse: (given) => {
      const platforms = given.split(',').map((platform) => platform.trim());
      platforms.forEach(parsePlatform); // throws E_USAGE
      return platforms;
    },
  },
};

/** The guards that were asked for. */
export function guardsOf(values: Values<GuardValues>): Guards {
  return {
    expect: values.expect,
    ifTarget: values['if-target'],
    noClobber: values['no-clobber'],
    requirePlatforms: values['require-platform'],
  };
}
