import type { Command } from './command.js';
import { nearest } from './nearest.js';
import { ownPeerOptions, peerCommands, peerOptions } from './peer-words.js';
import { registryOptions } from './side-options.js';

const PASSWORDS =
  'others can read a command line: use {password-stdin}, or REGFERRY_FROM_PASSWORD or REGFERRY_TO_PASSWORD in the environment';

/**
 * What there is in place of an option that other programs have, or that other commands have under this name, in the words
 * of this command. Undefined where nothing is known, or where the command has nothing of the kind.
 */
export function optionAdvice(spelled: string, command: Command | undefined): string | undefined {
  const own = command === undefined ? undefined : ownPeerOptions.get(`${command.name} ${spelled}`);
  const known = own ?? peerOptions.get(spelled) ?? otherSide(spelled, command);
  if (known === undefined) return undefined;
  const named: string[] = [];
  const text = known.replaceAll(/\{((?:from-|to-)?)([a-z-]+)\}/g, (_, prefix: string, name: string) => {
    const names = spellings(prefix, name, command);
    named.push(...names);
    return names.map((one) => `--${one}`).join(' or ');
  });
  return named.every((one) => command === undefined || Object.hasOwn(command.options, one))
    ? text
    : undefined;
}

/** What there is in place of a command that other programs have: `cp`, or in two words `image copy`. */
export function commandAdvice(words: readonly string[]): string | undefined {
  const [first = '', second = ''] = words.map((word) => word.toLowerCase());
  return peerCommands.get(`${first} ${second}`) ?? peerCommands.get(first);
}

/** Shorter words are near to too many. */
const LEAST_LETTERS = 4;

/** What there is in place of a command that other programs have and that a word is a misspelling of. */
export function misspeltCommand(
  word: string,
): { readonly word: string; readonly advice: string } | undefined {
  const single = [...peerCommands.keys()].filter((key) => !key.includes(' ') && key.length >= LEAST_LETTERS);
  const near = nearest(word, single);
  const advice = near === undefined ? undefined : peerCommands.get(near);
  return near === undefined || advice === undefined ? undefined : { word: near, advice };
}

/** The same for a word too many behind a command that there is: `manifest fetch`. */
export function verbAdvice(command: string, verb: string): string | undefined {
  return peerCommands.get(`${command} ${verb}`);
}

/** `--insecure` of a command with two sides, and `--from-insecure` of one with one. */
function otherSide(spelled: string, command: Command | undefined): string | undefined {
  if (spelled === '--password' && command?.twoSided === true) return PASSWORDS;
  const [, prefix = '', name = ''] = /^--(from-|to-|)(.+)$/.exec(spelled) ?? [];
  if (command === undefined || !Object.hasOwn(registryOptions, name)) return undefined;
  if (prefix === '') return command.twoSided === true ? `the sides have their own: {${name}}` : undefined;
  return command.twoSided === true ? undefined : `there is one registry: {${name}}`;
}

function spellings(prefix: string, name: string, command: Command | undefined): readonly string[] {
  const isTwoSided = command?.twoSided === true && Object.hasOwn(registryOptions, name);
  if (!isTwoSided) return [name];
  return prefix === '' ? [`from-${name}`, `to-${name}`] : [`${prefix}${name}`];
}
