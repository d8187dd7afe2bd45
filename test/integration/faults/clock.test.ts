import { afterEach, expect, it, vi } from 'vitest';

import { copy } from '../../../src/api/copy.js';
import { rule } from '../../support/faults.js';
import { answer } from '../../support/faults/answers.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([-3_600_000, 3_600_000])(
  'a clock that is set by %d ms while a host is paused neither holds a copy up nor sends it early',
  async (jump) => {
    const image = imageManifest({ layers: [blob(1_000, 1)] });
    const wall = Date.now.bind(Date);
    let set = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => wall() + set);
    const limited = answer(429, { headers: { 'retry-after': '1' } });
    const source = await startRegistry({ rules: [rule({ path: /\/manifests\//, times: 1 }, limited)] });
    const target = await startRegistry();
    await seed(source.store('r/app'), image, 'v1');
    const start = performance.now();
    const copying = copy(`${source.host}/r/app:v1`, `${target.host}/r/app`, {
      signal: AbortSignal.timeout(20_000),
      onEvent: (event) => {
        if (event.type === 'request' && event.status === 429) set = jump;
      },
    });
    expect((await copying).ok).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(950);
    await Promise.all([source.close(), target.close()]);
  },
);
