import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/soak/*.soak.ts'],
    testTimeout: 20 * 60_000,
    disableConsoleIntercept: true,
  },
});
