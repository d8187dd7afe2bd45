// Sets one tag after the other, PREFIX-0, PREFIX-1, …, in the layout FOLDER, and prints each when it is confirmed, until
// stdin ends. What goes wrong is printed behind an exclamation mark, and ends it.
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

const built = new URL('../../dist/index.js', import.meta.url).href;
/** @type {unknown} */
const library = await import(built);
const { openLayout } = /** @type {typeof import('../../src/index.js')} */ (library);

const [, , folder = '', prefix = ''] = process.argv;
const input = process.stdin.resume();

/** @param {string} tag */
function manifestOf(tag) {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, layers: [], tag }));
  const digest = /** @type {import('../../src/spec/digest.js').Digest} */ (
    `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  );
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

try {
  const store = await openLayout(folder, { access: 'write', create: true });
  for (let count = 0; !input.readableEnded; count += 1) {
    const tag = `${prefix}-${count}`;
    await store.tag(manifestOf(tag), tag);
    process.stdout.write(`${tag}\n`);
    await wait(5);
  }
  await store.close();
} catch (error) {
  process.stdout.write(`! ${String(error)}\n`);
}
process.exitCode = 0;
process.stdin.destroy();
