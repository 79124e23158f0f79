import { defineConfig } from 'vitest/config';

// Properties draw LASTHOP_RUNS networks each (150): their time grows with it.
const runs = Number(process.env['LASTHOP_RUNS'] ?? 150);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000 * Math.max(1, runs / 150),
    // Every core: the default leaves one idle, half of a small machine
    maxWorkers: '100%',
  },
});
