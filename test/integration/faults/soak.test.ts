import { expect, it } from 'vitest';

import { describeSoak, soak } from '../../soak/soak.js';

it('twenty images of any shape arrive under random faults', async () => {
  const options = { images: 20, seed: 20_230_930 };
  const report = await soak(options);
  expect(report.copied, describeSoak(options, report)).toBe(20);
  expect([...report.kinds.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
});
