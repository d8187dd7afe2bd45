import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CopyOptions } from '../../../src/api/options.js';
import { exitCode } from '../../../src/cli/exit-codes.js';
import type { RegferryError } from '../../../src/errors.js';
import { ERROR_BODY_LIMIT, HEADER_SIZE_LIMIT, MAX_REDIRECTS } from '../../../src/http/limits.js';
import { TOKEN_BODY_BYTES } from '../../../src/auth/limits.js';
import { OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { DEPTH, DESCRIPTORS, MANIFEST_BYTES } from '../../../src/spec/limits.js';
import { copyAtOnce, failureOf } from '../../support/copy-run.js';
import { rule, type Fault, type Rule } from '../../support/faults.js';
import { answer, redirect } from '../../support/faults/answers.js';
import { setHeaders } from '../../support/faults/headers.js';
import { tokens } from '../../support/faults/tokens.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

// What a server may make us read, hold, follow or wait for, asked of a whole copy. Each has a unit test as well.

const image = imageManifest({ layers: [blob(1_000, 2)] });

let source: TestRegistry;
let target: TestRegistry;
const rules: { source: Rule[]; target: Rule[] } = { source: [], target: [] };

beforeEach(async () => {
  rules.source.length = 0;
  rules.target.length = 0;
  [source, target] = await Promise.all([
    startRegistry({ rules: rules.source, sparse: true, manifestBytes: 16 * MANIFEST_BYTES }),
    startRegistry({ rules: rules.target }),
  ]);
  await seed(source.store('app'), image, 'v1');
});
afterEach(async () => {
  expect(target.store('app').tagged('v1')).toBeUndefined();
  await Promise.all([source.close(), target.close()]);
});

function run(options: CopyOptions = {}, repository = 'app') {
  return copyAtOnce(`${source.host}/app:v1`, `${target.host}/${repository}`, { retries: 1, ...options });
}

async function refusal(options: CopyOptions = {}): Promise<RegferryError> {
  const error = await failureOf(run(options));
  expect(exitCode(error.code)).toBe(6);
  expect(error.message).not.toContain('\n');
  return error;
}

/** Sends bytes until the client has had enough, with or without saying how many there will be. */
function endless(
  status: number,
  headers: Record<string, string | number>,
  most: number,
): Fault & { sent: number } {
  const fault = Object.assign<Fault, { sent: number }>(
    () => (request, response) => {
      request.resume();
      response.writeHead(status, headers);
      const piece = Buffer.alloc(16 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed && fault.sent < most) {
          fault.sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    },
    { sent: 0 },
  );
  return fault;
}

const MiB = 1024 * 1024;

describe('a manifest', () => {
  it('may have 4 MiB and not a byte more', async () => {
    const padded = (bytes: number): FixtureImage => {
      const least = imageManifest({ fields: { annotations: { x: '' } } }).root.bytes.length;
      return imageManifest({ fields: { annotations: { x: 'x'.repeat(bytes - least) } } });
    };
    const largest = padded(MANIFEST_BYTES);
    expect(largest.root.bytes).toHaveLength(MANIFEST_BYTES);
    await seed(source.store('app'), largest, 'v1');
    await run({}, 'largest');
    await expectSame(target.store('largest'), largest, 'v1');
    await seed(source.store('app'), padded(MANIFEST_BYTES + 1), 'v1');
    expect((await refusal()).code).toBe('E_LIMIT');
  });

  it('is not read any further when it turns out to be longer', async () => {
    const fault = endless(200, { 'content-type': OCI_MANIFEST }, 200 * MiB);
    rules.source.push(rule({ path: /\/manifests\// }, fault));
    expect((await refusal()).code).toBe('E_LIMIT');
    expect(fault.sent).toBeLessThan(40 * MiB);
  });

  it(`may name ${DESCRIPTORS} things`, async () => {
    const entry = { ...image.root.descriptor };
    const document = { schemaVersion: 2, manifests: Array.from({ length: DESCRIPTORS + 1 }, () => entry) };
    const wide = indexOf([], { fields: document });
    await source.store('app').tag(wide.root, 'v1');
    expect((await refusal()).code).toBe('E_LIMIT');
  });
});

describe('a tree', () => {
  it(`of indexes may be ${DEPTH} deep`, async () => {
    let deep: FixtureImage = image;
    for (let level = 0; level < DEPTH; level += 1) deep = indexOf([{ image: deep }]);
    await seed(source.store('app'), deep, 'v1');
    await run({}, 'deep');
    await expectSame(target.store('deep'), deep, 'v1');
    await seed(source.store('app'), indexOf([{ image: deep }]), 'v1');
    expect((await refusal()).message).toContain(`deeper than ${DEPTH}`);
  });
});

describe('an answer', () => {
  it(`may lead elsewhere ${MAX_REDIRECTS} times`, async () => {
    let hops = 0;
    const elsewhere = rule(
      { path: /\/blobs\// },
      redirect(({ url = '' }) => `${url.split('?')[0] ?? ''}?hop=${(hops += 1)}`),
    );
    rules.source.push(elsewhere);
    expect((await refusal()).code).toBe('E_REFUSED');
    expect(elsewhere.hits).toBeLessThanOrEqual(2 * (MAX_REDIRECTS + 1));
  });

  it(`may have ${HEADER_SIZE_LIMIT} bytes of headers`, async () => {
    rules.source.push(
      rule({ path: /\/manifests\// }, setHeaders({ 'x-long': 'x'.repeat(HEADER_SIZE_LIMIT) })),
    );
    expect((await refusal()).code).toBe('E_LIMIT');
  });

  it(`that is an error is read for ${ERROR_BODY_LIMIT} bytes`, async () => {
    const fault = endless(403, { 'content-type': 'text/plain' }, 200 * MiB);
    rules.source.push(rule({ path: /\/manifests\// }, fault));
    const error = await failureOf(run());
    expect(error.code).toBe('E_DENIED');
    expect(error.message.length).toBeLessThan(1_000);
    expect(fault.sent).toBeLessThan(20 * MiB);
  });

  it(`of a token service may have ${TOKEN_BODY_BYTES} bytes`, async () => {
    const fault = endless(200, { 'content-type': 'application/json' }, 200 * MiB);
    rules.source.push(rule({ path: /^\/token/ }, fault), rule({}, tokens()));
    expect((await refusal()).code).toBe('E_LIMIT');
    expect(fault.sent).toBeLessThan(20 * MiB);
  });

  it('may ask for chunks of any size, and is not believed', async () => {
    rules.target.push(rule({ method: 'POST' }, setHeaders({ 'oci-chunk-min-length': '999999999999' })));
    await run({ chunkSize: 100 }, 'chunks');
    await expectSame(target.store('chunks'), image, 'v1');
    expect(target.log.some(({ method }) => method === 'PATCH')).toBe(false);
  });

  it('may ask for a pause of as long as the user allows', async () => {
    rules.target.push(rule({ method: 'POST' }, answer(429, { headers: { 'retry-after': '61' } })));
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: 'E_RATE_LIMITED', retryAfterMs: 61_000 });
    expect(target.log.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(2);
  });
});
