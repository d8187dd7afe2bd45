import { describe, expect, it } from 'vitest';

import { type CommandLine, readCommandLine } from '../../../src/cli/command-line.js';
import { allOptions, commands } from '../../../src/cli/commands.js';

function read(...argv: string[]): CommandLine {
  return readCommandLine(argv, allOptions);
}

describe('the command line', () => {
  it('is split into words and options, wherever they stand', () => {
    const line = read('--log-level', 'debug', 'copy', 'a', '--platform=linux/amd64', 'b', '-q');
    expect(line.words).toEqual(['copy', 'a', 'b']);
    expect(Object.fromEntries(line.given)).toEqual({
      'log-level': ['debug'],
      platform: ['linux/amd64'],
      quiet: ['true'],
    });
    expect(line.problem).toBeUndefined();
  });

  it('keeps words that look like numbers as they are spelt', () => {
    expect(read('tags', '007', '1e3', '-').words).toEqual(['tags', '007', '1e3', '-']);
  });

  it('takes what follows -- as words', () => {
    const line = read('digest', '--', '--json', '-x');
    expect(line.words).toEqual(['digest', '--json', '-x']);
    expect(line.problem).toBeUndefined();
  });

  it('never takes a word after a flag for its value', () => {
    const line = read('copy', '--json', 'true', 'false');
    expect(line.words).toEqual(['copy', 'true', 'false']);
    expect(line.given.get('json')).toEqual(['true']);
  });

  it.each([
    ['--json=yes', 'true'],
    ['--json=1', 'true'],
    ['--json=no', 'false'],
    ['--json=0', 'false'],
    ['-q=FALSE', 'false'],
  ])('reads the flag %s as %s', (token, value) => {
    const line = read('copy', token);
    expect(line.given.get('json') ?? line.given.get('quiet')).toEqual([value]);
  });

  it('refuses a flag with another value', () => {
    expect(read('copy', '--json=maybe').problem).toBe('--json is on or off: --json, or --json=false');
  });

  it('reports every text of an option that is repeated', () => {
    expect(read('--platform', 'a', '--platform=b').given.get('platform')).toEqual(['a', 'b']);
  });

  it('reports an empty text for a value that is missing', () => {
    expect(read('copy', '--platform', '--json', 'x').given.get('platform')).toEqual(['']);
    expect(read('copy', '--platform').given.get('platform')).toEqual(['']);
  });

  it('takes a negative number for a value where one is due, and for an unknown option elsewhere', () => {
    expect(read('--retries', '-1').given.get('retries')).toEqual(['-1']);
    expect(read('tags', '-1').problem).toBe('there is no option -1');
  });

  it('does not split a value at dots, and does not negate with --no-', () => {
    expect(read('--authfile', 'a.b', '--from-ca-file=x=y').given.get('from-ca-file')).toEqual(['x=y']);
    expect(read('--no-json').problem).toMatch(/there is no option --no-json/);
  });

  it.each(['--toString', '--__proto__', '--constructor', '-x', '---json', '-qh', '--'.padEnd(40, 'z')])(
    'names the unknown option %s, and does not let it swallow a word',
    (token) => {
      const line = read(token, 'copy', 'a');
      expect(line.problem).toContain(`there is no option ${token}`);
      expect(line.words).toEqual(['copy', 'a']);
    },
  );

  it('suggests the option that was meant', () => {
    expect(read('--platfrom=x').problem).toBe('there is no option --platfrom; did you mean --platform?');
    expect(read('--from-usrname').problem).toMatch(/did you mean --from-username\?$/);
    expect(read('--completely-different').problem).not.toMatch(/did you mean/);
  });

  it('says where a password goes, and does not repeat it', () => {
    const { problem } = read('copy', '--from-password=hunter2');
    expect(problem).toContain('--from-password-stdin or REGFERRY_FROM_PASSWORD');
    expect(problem).not.toContain('hunter2');
  });

  it('has options that take a value in every command or in none', () => {
    const kinds = new Map<string, boolean>();
    for (const command of commands) {
      for (const [name, option] of Object.entries(command.options)) {
        const isFlag = option.kind === 'flag';
        expect(kinds.get(name) ?? isFlag, `${command.name} --${name}`).toBe(isFlag);
        kinds.set(name, isFlag);
      }
    }
  });
});
