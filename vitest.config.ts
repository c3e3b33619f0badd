import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Half of their time tests wait for something, so a processor that is left free would be of no use.
    maxWorkers: Math.max(2, availableParallelism()),
  },
});
