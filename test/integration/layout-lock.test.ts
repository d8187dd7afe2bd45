import { afterAll, expect, it } from 'vitest';

import { contend } from '../support/lock-contenders.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

afterAll(removeTempFolders);

it('one of many processes that meet the lock of a dead one has it at a time', async () => {
  const { outcomes, left } = await contend(makeTempFolder('contended'), { processes: 6, rounds: 20 });
  const { held = 0, refused = 0, ...others } = outcomes;
  expect(others).toEqual({});
  expect([held + refused, held >= 20]).toEqual([120, true]);
  expect(left).toEqual([]);
});
