// Builds the command line out of src/cli: one file in place of 200, with its packages, and a source map that leads back to
// src/. That halves the time to start. The library stays as tsc made it.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

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
  setup(bundler) {
    const filter = new RegExp(`^(?:${Object.keys(parts).join('|')})$`);
    bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'parts' }));
    bundler.onLoad({ filter: /.*/, namespace: 'parts' }, ({ path }) => ({
      contents: parts[path] ?? '',
      // Where yargs lies, its own dependencies are found from.
      resolveDir: dirname(fileURLToPath(import.meta.resolve(path))),
    }));
    // No connection speaks HTTP/2 (http/connections.ts), and Node takes 4 ms to load what that needs.
    bundler.onLoad({ filter: /undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({
      contents: 'module.exports = () => { throw new Error("HTTP/2 is left out"); };',
    }));
    // What a thread of its own loads cannot be in the one file; it lies beside it, so that no package has to be there.
    bundler.onLoad({ filter: /serve\/bcrypt-package\.[jt]s$/ }, () => ({
      contents: `
        import { fileURLToPath } from 'node:url';
        export const bcryptPackage = fileURLToPath(new URL('cli-bcrypt.cjs', import.meta.url));`,
    }));
  },
};

/** @satisfies {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces that can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: 'linked',
  // V8 reads this faster than UTF-8.
  charset: 'ascii',
  metafile: true,
  logLevel: 'warning',
};
const { metafile } = await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli.cjs',
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
  plugins: [onlyParts],
});
const bcrypt = await build({
  ...common,
  entryPoints: ['bcryptjs'],
  outfile: 'dist/cli-bcrypt.cjs',
  sourcemap: false,
});
rmSync(join(root, 'dist/cli'), { recursive: true });
writeFileSync(
  join(root, 'dist/cli-licences.txt'),
  licences(Object.keys({ ...metafile.inputs, ...bcrypt.metafile.inputs })),
);

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
