import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

import { apiReference } from '../docs/api-reference.js';

it('docs/api.md is what the source says; if not, run: node test/docs/api-reference.js', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/api.md', import.meta.url)), 'utf8');
  expect(page).toBe(await apiReference());
});
