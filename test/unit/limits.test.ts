import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import * as auth from '../../src/auth/limits.js';
import * as copy from '../../src/copy/limits.js';
import * as http from '../../src/http/limits.js';
import * as registry from '../../src/registry/limits.js';
import * as spec from '../../src/spec/limits.js';

const page = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');
const rooms: Readonly<Record<string, object>> = { auth, copy, http, registry, spec };

/** The rows of the table of limits: what it says, and what the source says. */
const rows = [...page.matchAll(/^\| [^|]+ \| (\d+)(?: ms)? +\| `([A-Za-z_.]+)` +\| (\w+) +\|/gm)].map(
  ([, value, constant = '', room = '']) => {
    const held = constant
      .split('.')
      .reduce<unknown>((object, name) => (object as Record<string, unknown>)[name], rooms[room]);
    return [constant, Number(value), held] as const;
  },
);

it('there are rows to check', () => {
  expect(rows.length).toBeGreaterThan(25);
});

it.each(rows)('the page about reliability knows %s', (_constant, told, held) => {
  expect(told).toBe(held);
});

it.each(['auth', 'copy', 'registry', 'spec'])('the page leaves out no limit on %s', (room) => {
  const told = page.match(/`[A-Z][A-Za-z_.]+`/g)?.join(' ') ?? '';
  for (const name of Object.keys(rooms[room] ?? {})) expect(told).toContain(`\`${name}`);
});
