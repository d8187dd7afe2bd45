// Builds the command line: dist/cli.js and the few chunks that it loads when they are needed, out of what tsc left in
// dist/cli. One file in place of 200 saves half of the time to start. The library stays as tsc made it.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build as bundle } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The parts of packages that are used. Their own entries load the rest too, which no bundler can leave out: half of undici
 * (20 ms), and what yargs needs to draw its help (25 ms).
 * @type {Record<string, string>}
 */
const parts = {
  undici: `
    import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
    import api from 'undici/lib/api/index.js';
    export { default as Pool } from 'undici/lib/dispatcher/pool.js';
    export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js';
    export { default as buildConnector } from 'undici/lib/core/connect.js';
    Object.assign(Dispatcher.prototype, api);`,
  'yargs/helpers': `
    export { default as Parser } from 'yargs-parser';`,
};

/** @type {import('esbuild').Plugin} */
const onlyParts = {
  name: 'only-parts',
  setup(build) {
    const filter = new RegExp(`^(?:${Object.keys(parts).join('|')})$`);
    build.onResolve({ filter }, ({ path }) => ({ path, namespace: 'parts' }));
    build.onLoad({ filter: /.*/, namespace: 'parts' }, ({ path }) => ({
      contents: parts[path] ?? '',
      // Where yargs lies, its own dependencies are found from.
      resolveDir: dirname(fileURLToPath(import.meta.resolve(path))),
    }));
  },
};

const { metafile } = await bundle({
  absWorkingDir: root,
  entryPoints: ['dist/cli/main.js'],
  outdir: 'dist',
  entryNames: 'cli',
  chunkNames: 'cli-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces that can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  plugins: [onlyParts],
  metafile: true,
  logLevel: 'warning',
});
rmSync(join(root, 'dist/cli'), { recursive: true });
writeFileSync(join(root, 'dist/cli-licences.txt'), licences(Object.keys(metafile.inputs)));

/**
 * The licences of the packages whose files were bundled.
 * @param {readonly string[]} files
 */
function licences(files) {
  const folders = new Set(files.flatMap((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  const texts = [...folders].sort().map((folder) => {
    const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
    const text = file === undefined ? 'see its package' : readFileSync(join(root, folder, file), 'utf8');
    return `${folder.split(sep).slice(1).join('/')}\n\n${text.trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(79)}\n\n`);
}
