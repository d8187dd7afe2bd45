import { describe, expect, it } from 'vitest';

import { allOptions } from '../../../src/cli/commands.js';
import { gatherOptions, variableOf } from '../../../src/cli/env-options.js';
import { optionValues } from '../../../src/cli/option-values.js';
import { flag, list, type OptionsOf, type Values, wholeNumber } from '../../../src/cli/option.js';
import { connectionOptions, outputOptions, transferOptions } from '../../../src/cli/options.js';

interface Sample {
  quiet: boolean;
  'retry-count': number;
  hosts: readonly string[];
}

const sample: OptionsOf<Sample> = {
  quiet: flag('Output', ''),
  'retry-count': wholeNumber('Connection', { least: 0, most: 9 }, ''),
  hosts: list('Connection', 'HOST', 'hosts', ''),
};

function values(onCommandLine: Record<string, string[]>, env: Record<string, string> = {}): Values<Sample> {
  return optionValues(sample, gatherOptions(sample, new Map(Object.entries(onCommandLine)), env));
}

function complaint(onCommandLine: Record<string, string[]>, env: Record<string, string> = {}): unknown {
  try {
    return values(onCommandLine, env);
  } catch (error) {
    return error;
  }
}

describe('option values', () => {
  it('come from the command line, else from the environment', () => {
    expect(variableOf('retry-count')).toBe('REGFERRY_RETRY_COUNT');
    expect(values({}, { REGFERRY_RETRY_COUNT: '3', REGFERRY_QUIET: 'yes' })).toEqual({
      quiet: true,
      'retry-count': 3,
    });
    expect(values({ 'retry-count': ['4'] }, { REGFERRY_RETRY_COUNT: '3' })).toEqual({ 'retry-count': 4 });
  });

  it('are left out where nothing is given, an empty variable included', () => {
    expect(values({}, { REGFERRY_RETRY_COUNT: '' })).toEqual({});
  });

  it('leave foreign variables alone', () => {
    expect(values({}, { REGFERRY_NONSENSE: 'x', RETRY_COUNT: 'x' })).toEqual({});
  });

  it.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['false', false],
    ['0', false],
    ['no', false],
  ])('read the variable of a flag: %s', (text, value) => {
    expect(values({}, { REGFERRY_QUIET: text })).toEqual({ quiet: value });
  });

  it.each([
    [{}, { REGFERRY_QUIET: 'on' }, 'REGFERRY_QUIET must be true or false'],
    [{ 'retry-count': ['-1'] }, {}, '--retry-count must be a whole number from 0 to 9, not "-1"'],
    [{ 'retry-count': [''] }, {}, '--retry-count needs a value: a whole number from 0 to 9'],
    [{ 'retry-count': ['1', '2'] }, {}, '--retry-count was given 2 times ("1" and "2"): give it once'],
    [{ hosts: ['a', 'b,,c'] }, {}, '--hosts must be hosts without blanks, not "a,b,,c"'],
  ])('are refused by name when they are wrong: %j %j', (onCommandLine, env, message) => {
    expect(complaint(onCommandLine, env)).toMatchObject({ code: 'E_USAGE', message });
  });

  it('that are missing are told what they are: never a mere value', () => {
    for (const [name, { kind, expects }] of Object.entries(allOptions)) {
      if (kind === 'flag') continue;
      expect(expects, name).not.toMatch(/\bvalues?\b/);
      const given = new Map([[name, { name: `--${name}`, origin: 'command line', texts: [''] } as const]]);
      expect(() => optionValues(allOptions, given)).toThrow(`--${name} needs a value: ${expects}`);
    }
    expect(allOptions['undo']?.expects).toBe('the file of a receipt');
    expect(allOptions['from-username']?.expects).toBe('a user name');
  });

  it('put lists together from repeats and commas', () => {
    expect(values({ hosts: ['a', 'b,c'] })).toEqual({ hosts: ['a', 'b', 'c'] });
  });

  it('take the last of several flags', () => {
    expect(values({ quiet: ['true', 'false'] })).toEqual({ quiet: false });
  });

  it.each([
    ['retries', 'NaN'],
    ['retries', '1.5'],
    ['retries', '0x10'],
    ['retries', '101'],
    ['timeout', '0'],
    ['timeout', '-5s'],
    ['timeout', 'soon'],
    ['timeout', '30d'],
    ['idle-timeout', '999999h'],
    ['retry-max-wait', 'Infinity'],
  ])('of a connection are refused: --%s %s', (name, text) => {
    const given = gatherOptions(connectionOptions, new Map([[name, [text]]]), {});
    expect(() => optionValues(connectionOptions, given)).toThrow(`--${name} must be`);
  });

  it('of an upload are sizes, or off', () => {
    const size = (text: string): unknown =>
      optionValues(transferOptions, gatherOptions(transferOptions, new Map([['chunk-size', [text]]]), {}));
    expect(size('16MiB')).toEqual({ 'chunk-size': 16_777_216 });
    expect(size('OFF')).toEqual({ 'chunk-size': 'off' });
    expect(() => size('0')).toThrow('--chunk-size must be a size such as 16MiB');
  });

  it('of an output are a few words', () => {
    const given = gatherOptions(outputOptions, new Map([['log-format', ['xml']]]), {});
    expect(() => optionValues(outputOptions, given)).toThrow(
      '--log-format must be one of pretty, json, not "xml"',
    );
  });
});
