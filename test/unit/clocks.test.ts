import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

const source = new URL('../../src', import.meta.url).pathname;

/**
 * Wall clocks are set: waits and ages go by performance.now(). What is left is what a date is printed or written by, and
 * a Retry-After that is a date.
 */
const ALLOWED = [
  'http/response-error.ts',
  'http/transport.ts',
  'api/receipt.ts',
  'api/plan-file.ts',
  'cli/github-step.ts',
];

it('nothing but dates that are written goes by a clock that can be set', () => {
  const rooms = ['http', 'auth', 'copy', 'registry', 'api', 'cli', 'spec'];
  const found = rooms.flatMap((room) =>
    readdirSync(join(source, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`)
      .filter((name) => /\bDate\.now\b|new Date\(\)/.test(code(name))),
  );
  expect(found.filter((name) => !ALLOWED.includes(name))).toEqual([]);
});

function code(name: string): string {
  return readFileSync(join(source, name), 'utf8').replace(/\/\*.*?\*\/|\/\/.*/gs, (comment) =>
    comment.startsWith('//') ? comment.replace(/^\/\/.*/, '') : '',
  );
}
