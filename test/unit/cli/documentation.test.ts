import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { commands } from '../../../src/cli/commands.js';
import type { Option } from '../../../src/cli/option.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/cli.md', import.meta.url)), 'utf8');
const lines = page.split('\n');

/** Options of one registry are told once, with the rule for their prefixes. */
function nameOnPage(name: string): string {
  return name.replace(/^(?:from|to)-/, '');
}

/** The row of a table that tells about an option. */
function rowOf(name: string): string | undefined {
  const spelled = new RegExp(`(?:^\\| |, )\`(?:-\\w\`, \`)?--${nameOnPage(name)}(?:[ =][^\`]*)?\``);
  return lines.find((line) => line.startsWith('|') && spelled.test(line));
}

/** What holds where an option is not given, as the help tells it. */
function defaultOf(option: Option<unknown>): string | undefined {
  return /\[([^\]]+)\]$/.exec(option.describe)?.[1];
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

// `login` and `logout` write to the file that the others read: their page says so in a sentence.
const own = (name: string): boolean => name !== 'login' && name !== 'logout';
const options = new Map(
  [...commands]
    .sort((a, b) => Number(own(a.name)) - Number(own(b.name)))
    .flatMap(({ options }) => Object.entries(options)),
);

describe('docs/cli.md', () => {
  it.each(commands.map(({ name }) => name))('lists the command %s and tells about it', (name) => {
    expect(lines.some((line) => line.startsWith(`| [\`${name}`))).toBe(true);
    expect(lines.some((line) => /^## /.test(line) && line.split(/[\s,]+/).includes(name))).toBe(true);
  });

  it.each(commands)('says of the command $name what its help says', ({ name, summary }) => {
    const row = lines.find((line) => line.startsWith(`| [\`${name}`));
    expect(row).toContain(` ${summary} `);
  });

  it.each([...options.keys()])('tells about --%s', (name) => {
    expect(rowOf(name)).toBeDefined();
  });

  it.each([...options].filter(([, option]) => defaultOf(option) !== undefined))(
    'has the default of --%s',
    (name, option) => {
      const value = defaultOf(option) ?? '';
      expect(rowOf(name)).toMatch(
        new RegExp(`\\[${escaped(value)}\\]|\`${escaped(value)}\` \\(the default\\)`),
      );
    },
  );

  it('tells about no option that does not exist', () => {
    const known = new Set([...options.keys(), 'help', 'version', 'from-', 'to-'].map(nameOnPage));
    const named = [...page.matchAll(/`--([a-z][a-z-]*)/g)].map(([, name = '']) => nameOnPage(name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
