import { defineConfig } from 'vitest/config';

/** Tests run on sources; workspaces see each other through their built `dist`, so build first (`npm test` does). */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    // For machines that have more to do.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Most tests wait for programs that they started: three at a time keep two cores busy.
    maxWorkers: 3,
  },
});
