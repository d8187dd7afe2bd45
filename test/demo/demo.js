// A tour in one command: two registries of our own, a small image for two platforms, and what regferry makes of them.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { serve } from '../../dist/index.js';

const regferry = fileURLToPath(new URL('../../bin/regferry.js', import.meta.url));
const run = promisify(execFile);

/** @param {string | Uint8Array} bytes */
const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * Pushes bytes as a blob and describes them.
 * @param {string} base
 * @param {string} mediaType
 * @param {Uint8Array} bytes
 */
async function pushBlob(base, mediaType, bytes) {
  const digest = sha256(bytes);
  const response = await fetch(`${base}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  if (response.status !== 201) throw new Error(`seeding failed: ${response.status}`);
  return { mediaType, digest, size: bytes.length };
}

/**
 * Pushes text as a manifest, exactly as it is written.
 * @param {string} base
 * @param {string} mediaType
 * @param {string} text
 * @param {string} [tag]
 */
async function pushManifest(base, mediaType, text, tag) {
  const digest = sha256(text);
  const response = await fetch(`${base}/manifests/${tag ?? digest}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: text,
  });
  if (response.status !== 201) throw new Error(`seeding failed: ${response.status} ${await response.text()}`);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

/**
 * An image for two platforms, its manifests with tabs, odd spaces and a trailing newline: rebuilding any of them from
 * parsed JSON would change every digest.
 * @param {string} base
 */
async function seed(base) {
  const shared = await pushBlob(
    base,
    'application/vnd.oci.image.layer.v1.tar',
    Buffer.alloc(300_000, 'layer'),
  );
  const children = [];
  for (const architecture of ['amd64', 'arm64']) {
    const own = Buffer.alloc(200_000, architecture);
    const layer = await pushBlob(base, 'application/vnd.oci.image.layer.v1.tar', own);
    const config = Buffer.from(
      JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [] } }),
    );
    const image = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: await pushBlob(base, 'application/vnd.oci.image.config.v1+json', config),
      layers: [shared, layer],
    };
    const text = `${JSON.stringify(image, null, '\t').replaceAll('":', '"  :')}\n\n`;
    const child = await pushManifest(base, image.mediaType, text);
    children.push({ ...child, platform: { os: 'linux', architecture } });
  }
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: children,
  };
  return pushManifest(base, index.mediaType, ` ${JSON.stringify(index, null, 3)} \r\n`, 'testing');
}

/** @param {...string} args */
async function show(...args) {
  console.log(`\n$ regferry ${args.join(' ')}`);
  const { stdout, stderr } = await run(process.execPath, [regferry, ...args]);
  process.stdout.write(stderr + stdout);
}

/** @param {string} url */
async function digestAt(url) {
  const response = await fetch(url, { headers: { accept: 'application/vnd.oci.image.index.v1+json' } });
  return sha256(new Uint8Array(await response.arrayBuffer()));
}

const staging = await serve();
const production = await serve();
try {
  console.log(`Two registries, both in memory: ${staging.host} and ${production.host}.`);
  const { digest } = await seed(`${staging.url}/v2/shop/app`);
  console.log(`${staging.host}/shop/app:testing is an image for two platforms: ${digest}`);

  const source = `${staging.host}/shop/app:testing`;
  await show('copy', source, `${production.host}/shop/app:testing`);
  console.log('  (everything moved: two manifests and their index, and each blob once)');
  await show('copy', source, `${production.host}/shop/app:testing`);
  console.log('  (the digests agree: one question to each side, nothing moved)');
  await show('copy', `${production.host}/shop/app:testing`, `${production.host}/shop/app:prod`);
  console.log('  (a second tag in the same repository: no blob is touched)');

  const arrived = await digestAt(`${production.url}/v2/shop/app/manifests/prod`);
  console.log(`\nleft:    ${digest}\narrived: ${arrived}`);
  if (arrived !== digest) throw new Error('the digests differ');
  console.log('The digest that left is the digest that arrived.');
} finally {
  await Promise.all([staging.close(), production.close()]);
}
