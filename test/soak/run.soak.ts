import { expect, it } from 'vitest';

import { describeSoak, soak } from './soak.js';

const images = Number(process.env['REGFERRY_SOAK_IMAGES'] ?? 300);
const seed = Number(process.env['REGFERRY_SOAK_SEED'] ?? Date.now() % 1_000_000_000);

it(`copies ${images} images with a fault on one request in ten`, async () => {
  console.log(`seed ${seed} (REGFERRY_SOAK_SEED=${seed} repeats it)`);
  const report = await soak({ images, seed });
  console.log(describeSoak({ images, seed }, report));
  expect(report.copied + report.again.length).toBeGreaterThanOrEqual(images);
});
