// Starts the bundle of the command line with what V8 compiled of it when it was built: 30 ms less to start.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';

/** The bundle, and beside it V8's code for it. */
export const bundle = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));
/** Made by bin/bundle.js together with the bundle, for the Node that builds. Another one does not take it, and compiles. */
export const compiled = fileURLToPath(new URL('../dist/cli.cache', import.meta.url));

/**
 * Loads the bundle. `script` is what V8's code can be had from once some of it has run.
 * @returns {{ cli: { main: (argv: readonly string[], io?: object) => Promise<number> }, script: vm.Script }}
 */
export function load() {
  // Before anything is compiled: V8 only takes code that was made with the same flags.
  // The optimising WebAssembly compiler takes 35 MB to compile undici's parser, the baseline one next to nothing.
  v8.setFlagsFromString('--liftoff-only');
  // What passes through is garbage at once, beside a heap of 10 MB: marking it in steps, on other threads, costs a fifth of
  // all processor time, and to mark it at a stroke a few milliseconds now and then.
  v8.setFlagsFromString('--no-incremental-marking');
  const source = `(function(exports,require,module,__filename,__dirname){${readFileSync(bundle, 'utf8')}\n})`;
  const script = new vm.Script(source, {
    filename: bundle,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(existsSync(compiled) ? { cachedData: readFileSync(compiled) } : {}),
  });
  const module = { exports: {} };
  /** @type {unknown} */
  const made = script.runInThisContext();
  const run = /** @type {(...parts: unknown[]) => void} */ (made);
  run(module.exports, createRequire(bundle), module, bundle, dirname(bundle));
  const cli = /** @type {ReturnType<typeof load>['cli']} */ (module.exports);
  return { cli, script };
}
