/** Runs of a property: `usual`, or LASTHOP_RUNS when that is set (`npm run test:long`). */
export function runs(usual = 100): { numRuns: number } {
  return { numRuns: Number(process.env['LASTHOP_RUNS'] ?? usual) };
}
