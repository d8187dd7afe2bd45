import { afterEach, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import type { Manifest } from '../../src/content/store.js';
import { digestOf } from '../../src/spec/digest.js';

const open: TestRegistry[] = [];
async function registry(): Promise<TestRegistry> {
  const started = await startRegistry();
  open.push(started);
  return started;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe('a copy between two registries', () => {
  it('moves a manifest and its blobs within the request budget', async () => {
    const [source, target] = [await registry(), await registry()];
    const store = source.store('app');
    const blobs = [Buffer.from('{}'), Buffer.alloc(100_000, 1), Buffer.alloc(200_000, 2)];
    const [config, ...layers] = blobs.map((bytes, i) => ({
      mediaType:
        i === 0 ? 'application/vnd.oci.image.config.v1+json' : 'application/vnd.oci.image.layer.v1.tar',
      digest: store.putBytes(bytes),
      size: bytes.length,
    }));
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers }, null, 3) + '\r\n');
    const manifest: Manifest = {
      descriptor: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: digestOf(bytes),
        size: bytes.length,
      },
      bytes,
    };
    await store.tag(manifest, '1.0');
    const report = await copy(`${source.host}/app:1.0`, `${target.host}/mirror/app`);
    console.log(JSON.stringify(report, null, 1));
    console.log(
      source.log.map((r) => `${r.method} ${r.url} ${r.status}`),
      target.log.map((r) => `${r.method} ${r.url} ${r.status}`),
    );
    expect(target.store('mirror/app').tagged('1.0')).toBe(manifest.descriptor.digest);
    expect(report.requests).toEqual({ source: 4, target: 12 });
  });
});
