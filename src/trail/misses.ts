/** Times at which a point, though on the way, did not show a packet that was seen before and behind it. */
export class Misses {
  readonly #times = new Map<number, number[]>();
  readonly #passedBy = new Set<number>();
  readonly #around = new Set<string>();
  count = 0;

  /** Notes a packet that went on without being shown at a point that, by its role alone, was on the way. */
  passBy(point: number): void {
    this.#passedBy.add(point);
  }

  /** Notes that what one address sends another takes a way on which the point is not, though the answers pass it. */
  goAround(src: number, dst: number, point: number): void {
    this.#around.add(`${src} ${dst} ${point}`);
  }

  goesAround(src: number, dst: number, point: number): boolean {
    return this.#around.size > 0 && this.#around.has(`${src} ${dst} ${point}`);
  }

  add(point: number, time: number): void {
    let times = this.#times.get(point);
    if (times === undefined) this.#times.set(point, (times = []));
    // One in a hundred milliseconds says it all.
    if (times.length === 0 || Math.abs(times[times.length - 1]! - time) > 100e6) times.push(time);
    this.count++;
  }

  /** True when packets went on that the point ought to have shown. */
  any(point: number): boolean {
    return this.#times.has(point) || this.#passedBy.has(point);
  }

  /** True when the point missed a packet before or after a time. */
  beyond(point: number, time: number, side: 'before' | 'after'): boolean {
    return this.#times.get(point)?.some((miss) => (side === 'after' ? miss > time : miss < time)) ?? false;
  }

  /** True when the point missed a packet within `span` nanoseconds of a time. */
  near(point: number, time: number, span: number): boolean {
    return this.#times.get(point)?.some((miss) => Math.abs(miss - time) <= span) ?? false;
  }
}
