import type { Command, Example } from './command.js';
import type { Option, OptionGroup, OptionTable } from './option.js';

const MOST_COLUMNS = 100;
const LEAST_COLUMNS = 50;
const MOST_NAME_COLUMNS = 34;

const HEADINGS: Readonly<Record<OptionGroup, string>> = {
  Command: 'Options',
  Source: 'Source registry',
  Target: 'Target registry',
  Registry: 'Registry',
  Connection: 'Connections',
  Output: 'Output',
};

/** The help of the whole program: its commands and where to read on. `columns` is the width of the terminal. */
export function programHelp(commands: readonly Command[], columns: number | undefined): string {
  const width = textWidth(columns);
  return document([
    ['Usage: regferry <command> [options]'],
    wrap(
      'Copies container images between registries, byte for byte: the digest that left is the digest that arrives.',
      width,
    ),
    [
      'Commands:',
      ...twoColumns(
        commands.map((command) => [usageOf(command), command.summary]),
        width,
      ),
    ],
    examples(
      [['regferry copy alpine:3.20 registry.example.com/alpine', 'copy an image, all platforms']],
      width,
    ),
    wrap(
      'regferry help <command> (or regferry <command> --help) tells more; regferry --version tells which this is.',
      width,
    ),
  ]);
}

/** The help of one command. `columns` is the width of the terminal. */
export function commandHelp(command: Command, columns: number | undefined): string {
  const width = textWidth(columns);
  const groups = Object.keys(HEADINGS) as OptionGroup[];
  return document([
    [`Usage: regferry ${usageOf(command)} [options]`],
    ...command.description.map((paragraph) => wrap(paragraph, width)),
    ...groups.map((group) => optionSection(group, command.options, width)),
    examples(command.examples, width),
    wrap(
      'Each option can also be set in the environment: --log-level as REGFERRY_LOG_LEVEL, flags as true or false.',
      width,
    ),
  ]);
}

function usageOf(command: Command): string {
  return `${command.name} ${command.arguments.usage}`.trim();
}

function optionSection(group: OptionGroup, table: OptionTable, width: number): string[] {
  const options = Object.entries(table).filter(([, option]) => option.group === group);
  if (options.length === 0) return [];
  const rows = options.map(([name, option]) => [spelling(name, option), option.describe] as const);
  return [`${HEADINGS[group]}:`, ...twoColumns(rows, width)];
}

function spelling(name: string, option: Option<unknown>): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const placeholder = option.placeholder === undefined ? '' : ` ${option.placeholder}`;
  return `${short}--${name}${placeholder}`;
}

function examples(given: readonly Example[], width: number): string[] {
  if (given.length === 0) return [];
  return [
    'Examples:',
    ...given.flatMap(([line, does]) => [`  ${line}`, ...indent(wrap(does, width - 6), 6)]),
  ];
}

function twoColumns(rows: readonly (readonly [string, string])[], width: number): string[] {
  const names = Math.min(MOST_NAME_COLUMNS, Math.max(...rows.map(([name]) => name.length)));
  const from = names + 4;
  return rows.flatMap(([name, text]) => {
    const [first = '', ...rest] = wrap(text, width - from);
    const tail = indent(rest, from);
    if (name.length > names) return [`  ${name}`, ...indent([first], from), ...tail];
    return [`  ${name.padEnd(names)}  ${first}`, ...tail];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function indent(lines: readonly string[], columns: number): string[] {
  return lines.map((line) => `${' '.repeat(columns)}${line}`);
}

function document(sections: readonly (readonly string[])[]): string {
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function textWidth(columns: number | undefined): number {
  return Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, (columns ?? 80) - 1));
}
