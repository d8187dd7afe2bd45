import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { waitUntil } from '../../support/child.js';
import { rule, type Rule } from '../../support/faults.js';
import { delayAnswer } from '../../support/faults/pace.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegferry } from '../../support/regferry.js';
import { startRegistry, type TestRegistry } from '../../support/registry.js';

const image = imageManifest({ layers: [blob(300_000, 1), blob(200_000, 2)] });
const rules: Rule[] = [];
let source: TestRegistry;
let target: TestRegistry;

beforeAll(async () => {
  [source, target] = await Promise.all([startRegistry(), startRegistry({ rules })]);
  await seed(source.store('app'), image, 'v1');
});
beforeEach(() => {
  rules.length = 0;
  target.log.length = 0;
});
afterAll(() => Promise.all([source.close(), target.close()]));

const asked = (method: string) => target.log.filter((request) => request.method === method);

describe('a copy whose uploads are being opened', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('waits with %s for the answers that name them, and cancels them', async (signal, code) => {
    rules.push(rule({ method: 'POST' }, delayAnswer(800)));
    const run = startRegferry(['copy', `${source.host}/app:v1`, `${target.host}/late-${code}:v1`]);
    await waitUntil('all uploads are being opened', () => asked('POST').length === image.blobs.size);
    run.process.kill(signal);
    const since = performance.now();
    expect((await run.ended).code).toBe(code);
    expect(performance.now() - since).toBeLessThan(2_500);
    expect(asked('POST').map(({ status }) => status)).toEqual(asked('POST').map(() => 202));
    expect(new Set(asked('DELETE').map(({ url }) => url)).size).toBe(image.blobs.size);
    expect(asked('DELETE').map(({ status }) => status)).toEqual(asked('POST').map(() => 204));
    expect(asked('PUT')).toEqual([]);
  });
});
