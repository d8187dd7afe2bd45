import { defineConfig } from 'vitest/config';

// Set by .ci/run, which counts from it.
const report = process.env['TEST_REPORT_FILE'];

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests wait for a server or a child process more than they compute.
    maxWorkers: 3,
    // Loading the source anew for each of 200 files would take a third of the time. No test changes what others load.
    isolate: false,
    // Real servers on a busy machine: what fails once is tried once more there, and shown as such.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
