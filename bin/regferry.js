#!/usr/bin/env node
// Plain and old JavaScript on purpose: an older Node must get as far as the line that says so.
import process from 'process';

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
    const { version } = /** @type {{ version: string }} */ (await built('version.js'));
    process.stdout.write(`${version}\n`);
    return;
  }
  const { load } = await import('./compiled.js');
  process.exitCode = await load().cli.main(argv);
}

/**
 * @param {string} file
 * @returns {Promise<unknown>}
 */
function built(file) {
  return import(`../dist/${file}`);
}

/** @param {unknown} error */
function bug(error) {
  const words = process.argv.concat(process.env.REGFERRY_LOG_LEVEL || '');
  const debug = words.some((word) => /(^|=)(debug|trace)$/.test(word));
  const text = error instanceof Error ? (debug && error.stack) || error.message : String(error);
  process.stderr.write(`regferry: unexpected: ${text} (a bug in regferry; --log-level debug shows where)\n`);
  process.exit(70);
}
