const NANOSECONDS = 1e9;

/** Seconds and nanoseconds since the epoch to nanoseconds relative to a base second, exact for spans of up to 100 days. */
export function relative(seconds: number, nanoseconds: number, base: number): number {
  return (seconds - base) * NANOSECONDS + nanoseconds;
}
