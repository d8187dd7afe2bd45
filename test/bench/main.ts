// Compares regferry with the peers that are on the PATH: whole processes, real registries, empty targets.
//   npm run bench -- [--shapes small,many] [--networks loopback,50] [--runs 3] [--json]
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

// Registries and their content go to memory where the system has such a folder.
if (existsSync('/dev/shm')) process.env['TMPDIR'] = '/dev/shm';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'small,typical,big,many,multi,tags200' },
    networks: { type: 'string', default: 'loopback,50' },
    runs: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});

const { compare } = await import('./compare.js');
const { markdown, startTable } = await import('./report.js');
const { compareStarts } = await import('./start.js');
const { makeTempFolder, removeTempFolder } = await import('../support/temp.js');

/** A start takes a tenth of a second, so that many of them cost little. */
const STARTS = 15;

const folder = makeTempFolder('bench-start');
const starts = await compareStarts(STARTS, folder).finally(() => removeTempFolder(folder));

const rows = await compare({
  shapes: values.shapes.split(','),
  roundTrips: values.networks.split(',').map((network) => (network === 'loopback' ? 0 : Number(network))),
  runs: Number(values.runs),
  tell: (line) => process.stderr.write(`${line}\n`),
});
if (values.json) {
  process.stdout.write(
    `${JSON.stringify({ node: process.version, cpus: cpus().length, starts, rows }, undefined, 2)}\n`,
  );
} else {
  process.stdout.write(`Node ${process.version}, ${cpus().length} processors, medians of ${values.runs}\n\n`);
  process.stdout.write(`${startTable(starts)}\n\n${markdown(rows)}\n`);
}
