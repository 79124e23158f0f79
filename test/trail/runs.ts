import type { Parameters } from 'fast-check';

/**
 * LASTHOP_RUNS scenarios a property (150), drawn from LASTHOP_SEED (1): raise the one (LASTHOP_RUNS=10000 npx vitest run
 * test/trail) and change the other to look further. LASTHOP_SCENARIO takes the options that a failing property prints.
 */
export function runs(share = 1): Parameters<unknown> {
  const numRuns = Math.max(10, Math.round(Number(process.env['LASTHOP_RUNS'] ?? 150) * share));
  return { numRuns, seed: Number(process.env['LASTHOP_SEED'] ?? 1) };
}
