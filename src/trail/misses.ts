/** One in this time says it all, nanoseconds. */
const GRAIN = 100e6;
/** Most times kept of one point: of more, each stands for twice the time. */
const LIMIT = 1 << 14;

/** When a point did not show packets that it ought to have. */
class MissedTimes {
  first = Infinity;
  last = -Infinity;
  #grain = GRAIN;
  /** First time of each piece of time. */
  #times = new Map<number, number>();

  add(time: number): void {
    this.first = Math.min(this.first, time);
    this.last = Math.max(this.last, time);
    const piece = Math.floor(time / this.#grain);
    if (this.#times.has(piece)) return;
    this.#times.set(piece, time);
    while (this.#times.size > LIMIT) this.#coarsen();
  }

  near(time: number, span: number): boolean {
    // What stands for more than a grain may have been at any moment of it
    const reach = this.#grain > GRAIN ? span + this.#grain : span;
    const to = Math.floor((time + reach) / this.#grain);
    for (let piece = Math.floor((time - reach) / this.#grain); piece <= to; piece++) {
      const miss = this.#times.get(piece);
      if (miss !== undefined && Math.abs(miss - time) <= reach) return true;
    }
    return false;
  }

  #coarsen(): void {
    this.#grain *= 2;
    const times = new Map<number, number>();
    for (const time of this.#times.values()) {
      const piece = Math.floor(time / this.#grain);
      if (!times.has(piece)) times.set(piece, time);
    }
    this.#times = times;
  }
}

/** Times at which a point, though on the way, did not show a packet that was seen before and behind it. */
export class Misses {
  readonly #times = new Map<number, MissedTimes>();
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
    if (times === undefined) this.#times.set(point, (times = new MissedTimes()));
    times.add(time);
    this.count++;
  }

  /** True when packets went on that the point ought to have shown. */
  any(point: number): boolean {
    return this.#times.has(point) || this.#passedBy.has(point);
  }

  /** True when the point missed a packet before or after a time. */
  beyond(point: number, time: number, side: 'before' | 'after'): boolean {
    const times = this.#times.get(point);
    return times !== undefined && (side === 'after' ? times.last > time : times.first < time);
  }

  /** True when the point missed a packet within `span` nanoseconds of a time. */
  near(point: number, time: number, span: number): boolean {
    return this.#times.get(point)?.near(time, span) ?? false;
  }
}
