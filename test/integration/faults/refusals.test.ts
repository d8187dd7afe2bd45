import { afterEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { exitCode } from '../../../src/cli/exit-codes.js';
import { copyAtOnce, failureOf } from '../../support/copy-run.js';
import { rule, type Fault, type Rule } from '../../support/faults.js';
import { answer, registryError, rewrite } from '../../support/faults/answers.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../../support/registry.js';

const layer = blob(300_000, 1);
const image = imageManifest({ layers: [layer] });
const other = `sha256:${'0'.repeat(64)}`;
const open: TestRegistry[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});

async function registries(at: { source?: Rule[]; target?: Rule[] }) {
  const source = await startRegistry({ rules: at.source ?? [] });
  const target = await startRegistry({ rules: at.target ?? [] });
  open.push(source, target);
  await seed(source.store('r/app'), image, 'v1');
  const copying = () => copyAtOnce(`${source.host}/r/app:v1`, `${target.host}/r/app`);
  return { source, target, copying };
}

describe('a target that answers 404 to a write', () => {
  it.each([
    ['to a manifest', { method: 'PUT', path: /\/manifests\// }, answer(404)],
    ['to a manifest', { method: 'PUT', path: /\/manifests\// }, registryError(404, 'NAME_UNKNOWN')],
    ['to an upload', { method: 'POST' }, registryError(404, 'NAME_UNKNOWN')],
    ['to an upload', { method: 'POST' }, answer(404)],
    ['to the bytes', { method: ['PUT', 'PATCH'], path: /\/uploads\// }, answer(404)],
    [
      'to the bytes',
      { method: ['PUT', 'PATCH'], path: /\/uploads\// },
      registryError(404, 'BLOB_UPLOAD_UNKNOWN'),
    ],
  ])('%s refuses it, and no image is missing', async (_what, match, fault) => {
    const { copying } = await registries({ target: [rule(match, fault)] });
    const error = await failureOf(copying());
    expect(error).toMatchObject({ code: 'E_REFUSED', side: 'target', status: 404 });
    expect(exitCode(error.code)).toBe(6);
  });

  it.each([
    ['POST', registryError(404, 'NAME_UNKNOWN')],
    ['POST', answer(404)],
    ['PUT', registryError(404, 'NAME_UNKNOWN')],
  ])('says that the repository is not there (%s)', async (method, fault) => {
    const { copying } = await registries({ target: [rule({ method }, fault)] });
    expect((await failureOf(copying())).message).toContain(
      'there is no such repository, or it may not be created with this login',
    );
  });

  it('is not sent the bytes in every way when it says that there is no such repository', async () => {
    const sent = rule(
      { method: ['PUT', 'PATCH'], path: new RegExp('/uploads/') },
      registryError(404, 'NAME_UNKNOWN'),
    );
    const { copying } = await registries({ target: [sent] });
    await failureOf(copying());
    // the config and the layer
    expect(sent.hits).toBeLessThanOrEqual(2);
  });
});

describe('a refusal that is final', () => {
  it.each([501, 505, 506, 507, 508, 510, 511, 400, 401, 403, 409, 422, 451].map((status) => [status]))(
    'of %i is not sent the bytes again in the same way',
    async (status) => {
      const put = rule({ method: 'PUT', path: new RegExp(`digest=${digestOf(layer)}`) }, answer(status));
      const { copying } = await registries({ target: [put] });
      const error = await failureOf(copying());
      expect(error.retryable).toBe(false);
      // 501 may be about one request for all of it, so another way is tried
      expect(put.hits).toBeLessThanOrEqual(status === 501 ? 3 : status === 401 ? 2 : 1);
      expect(exitCode(error.code)).not.toBe(7);
    },
  );
});

/** Begins a body in chunks and breaks their framing behind the first of them. */
function brokenChunk(after: string): Fault {
  return () => (_request, response) => {
    const { socket } = response;
    socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket?.write(`${(100_000).toString(16)}\r\n`);
    socket?.write(layer.subarray(0, 100_000));
    socket?.write(after);
  };
}

describe('a body whose chunks are broken', () => {
  it.each([['\r\nzzzz\r\n'], ['\r\n-5\r\n'], ['no line end'], ['\r\n10000000000000000\r\n']])(
    'is taken up again where it broke (%j)',
    async (after) => {
      const fault = rule({ method: 'GET', path: new RegExp(digestOf(layer)), times: 1 }, brokenChunk(after));
      const { source, copying } = await registries({ source: [fault] });
      expect((await copying()).ok).toBe(true);
      const ranges = source.log.filter(({ headers }) => headers.range !== undefined);
      expect(ranges.map(({ headers }) => headers.range)).toEqual(['bytes=100000-']);
    },
  );

  it('of a manifest is asked for again', async () => {
    const broken: Fault = () => (_request, response) => {
      response.socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sch\r\nzz\r\n');
    };
    const fault = rule({ method: 'GET', path: /\/manifests\//, times: 1 }, broken);
    const { copying } = await registries({ source: [fault] });
    expect((await copying()).ok).toBe(true);
    expect(fault.hits).toBe(1);
  });
});

describe('an upload that is answered with another digest', () => {
  const renamed = rewrite((given) => ({
    ...given,
    headers: { ...given.headers, 'docker-content-digest': other },
  }));
  const puts = { method: 'PUT', path: new RegExp(`digest=${digestOf(layer)}`) };

  it('is sent again when it was one time only', async () => {
    const fault = rule({ ...puts, times: 1 }, renamed);
    const { target, copying } = await registries({ target: [fault] });
    expect((await copying()).ok).toBe(true);
    expect(target.log.filter(({ url }) => url.includes(`digest=${digestOf(layer)}`))).toHaveLength(2);
  });

  it('is no success when it stays so', async () => {
    const { copying, target } = await registries({ target: [rule(puts, renamed)] });
    const error = await failureOf(copying());
    expect(error).toMatchObject({ code: 'E_READ_BACK', side: 'target', digest: digestOf(layer) });
    expect(error.message).toContain(`the registry stored ${other} instead of ${digestOf(layer)}`);
    expect(target.log.filter(({ method, url }) => method === 'PUT' && url.includes('/manifests/'))).toEqual(
      [],
    );
  });

  it('is not believed of a mount', async () => {
    const { source } = await registries({});
    const mounts = rule({ method: 'POST', path: /mount=/ }, renamed);
    const target = await startRegistry({ storage: source.storage, rules: [mounts] });
    open.push(target);
    const report = await copyAtOnce(`${target.host}/r/app:v1`, `${target.host}/r/mounted`);
    expect(report.targets[0]?.blobs).toMatchObject({ mounted: 0, copied: 2 });
  });
});
