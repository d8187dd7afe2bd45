#!/usr/bin/env node
// Plain and old JavaScript on purpose: an older Node must get as far as the line that says so.
import fs from 'fs';
import module from 'module';
import os from 'os';
import path from 'path';
import process from 'process';
import v8 from 'v8';

const LEAST_MAJOR = 20;
const LEAST_MINOR = 19;

const found = /^(\d+)\.(\d+)/.exec(process.versions.node) || [];
const major = Number(found[1]);
if (major < LEAST_MAJOR || (major === LEAST_MAJOR && Number(found[2]) < LEAST_MINOR)) {
  process.stderr.write(
    `regferry: needs Node.js ${LEAST_MAJOR}.${LEAST_MINOR} or newer, and this is ${process.versions.node}\n`,
  );
  process.exitCode = 2;
} else {
  process.on('uncaughtException', bug);
  run().catch(bug);
}

async function run() {
  const argv = process.argv.slice(2);
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    const { version } = /** @type {{ version: string }} */ (await import('../dist/version.js'));
    process.stdout.on('error', unwritten).write(`${version}\n`);
    return;
  }
  tune();
  /** @type {unknown} */
  const loaded = module.createRequire(import.meta.url)('../dist/cli.cjs');
  const { main } = /** @type {{ main: (argv: readonly string[]) => Promise<number> }} */ (loaded);
  process.exitCode = await main(argv);
}

/** @param {NodeJS.ErrnoException} error */
function unwritten(error) {
  // A reader that went away has read enough.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`regferry: could not write to standard output: ${error.message}\n`);
  process.exitCode = 10;
}

/** Sets how Node runs the command line, before that is loaded. docs/performance.md has what each is worth. */
function tune() {
  // The optimising WebAssembly compiler takes 35 MB to compile undici's parser, the baseline one next to nothing.
  v8.setFlagsFromString('--liftoff-only');
  // What passes through is garbage at once, beside a heap of 10 MB: marking it in steps, on other threads, costs a fifth of
  // all processor time, and to mark it at a stroke a few milliseconds now and then.
  v8.setFlagsFromString('--no-incremental-marking');
  if (isDebugging()) process.setSourceMapsEnabled(true);
  // Node 22 and newer keep what they have compiled, and compile again what has changed since.
  const { enableCompileCache } = /** @type {{ enableCompileCache?: (folder?: string) => unknown }} */ (
    module
  );
  if (enableCompileCache === undefined) return;
  const folder = process.env.NODE_COMPILE_CACHE || cacheFolder();
  if (folder !== undefined) enableCompileCache(folder);
}

/**
 * The user's own cache folder for regferry, made if need be; undefined where there is none to be had. Node's default lies in
 * the folder for temporary files, where another user may lay code for us. Each folder is made by itself: Node would try for
 * ever to make folders below one like /proc.
 * @returns {string | undefined}
 */
function cacheFolder() {
  try {
    const caches = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
    if (!path.isAbsolute(caches)) return undefined;
    const own = path.join(caches, 'regferry');
    for (const folder of [caches, own]) if (!fs.existsSync(folder)) fs.mkdirSync(folder, 0o700);
    return own;
  } catch {
    return undefined;
  }
}

/** @returns {boolean} */
function isDebugging() {
  const words = process.argv.concat(process.env.REGFERRY_LOG_LEVEL || '');
  return words.some((word) => /(^|=)(debug|trace)$/.test(word));
}

/** @param {unknown} error */
function bug(error) {
  const text = error instanceof Error ? (isDebugging() && error.stack) || error.message : String(error);
  process.stderr.write(`regferry: unexpected: ${text} (a bug in regferry; --log-level debug shows where)\n`);
  process.exit(70);
}
