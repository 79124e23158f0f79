/** Most keys remembered: at a million packets a second those of an eighth of a second. */
const LIMIT = 1 << 17;
const BUCKETS = 1 << 14;
const MASK = BUCKETS - 1;
/** Keys looked at in a chain: more share one only in captures made to be so. */
const WALK = 64;
/**
 * Copies of a packet come within this time of its telling, nanoseconds; later ones are packets of their own. Keys must be known
 * for so long.
 */
export const COPIES = 50e6;
/** What was told before one that is this old is older, too. */
const OVER = 1e9;

/**
 * Exact keys of packets that were told as soon as every point had seen them, for as long as copies of them may come: a copy
 * must not be taken for a packet that nobody else saw. A ring in the order of telling; chains run from younger to older, and end
 * where the ring has gone on, so that forgetting costs nothing.
 */
export class ToldKeys {
  /** Low, high, and the number of the one before in its chain. */
  #rows = new Int32Array(4 << 10);
  #times = new Float64Array(1 << 10);
  readonly #heads = new Int32Array(BUCKETS).fill(-1);
  #first = 0;
  #next = 0;
  /** Sightings taken for copies because the chain of their key was too long to look through. */
  refused = 0;

  /** @param at place of its last time in `times` */
  add(low: number, high: number, times: Float64Array, at: number): void {
    if (this.#next - this.#first === this.#times.length && !this.#grow()) this.#first++;
    if (this.#next === 0x3fffffff) this.#renumber();
    const number = this.#next++;
    const place = number & (this.#times.length - 1);
    const slot = low & MASK;
    this.#rows[place << 2] = low;
    this.#rows[(place << 2) + 1] = high;
    this.#rows[(place << 2) + 2] = this.#heads[slot]!;
    this.#times[place] = times[at]!;
    this.#heads[slot] = number;
  }

  /** True when a packet of this key was told so lately that this is a copy of it. `index`: place of its time in `times`. */
  has(low: number, high: number, times: Float64Array, index: number): boolean {
    if (this.#first === this.#next) return false;
    const mask = this.#times.length - 1;
    let number = this.#heads[low & MASK]!;
    if (number < this.#first) return false;
    const time = times[index]!;
    for (let walked = 0; number >= this.#first; number = this.#rows[((number & mask) << 2) + 2]!) {
      if (++walked > WALK) {
        this.refused++;
        return true;
      }
      const at = number & mask;
      if (this.#times[at]! < time - OVER) return false;
      if (this.#rows[at << 2] !== low || this.#rows[(at << 2) + 1] !== high) continue;
      return Math.abs(time - this.#times[at]!) <= COPIES;
    }
    return false;
  }

  /** Forgets what was told before a time. */
  expire(before: number): void {
    const mask = this.#times.length - 1;
    while (this.#first < this.#next && this.#times[this.#first & mask]! < before) this.#first++;
  }

  #grow(): boolean {
    const size = this.#times.length;
    if (size >= LIMIT) return false;
    const rows = new Int32Array(8 * size);
    const times = new Float64Array(2 * size);
    for (let number = this.#first; number < this.#next; number++) {
      const from = number & (size - 1);
      const to = number & (2 * size - 1);
      times[to] = this.#times[from]!;
      for (let i = 0; i < 3; i++) rows[(to << 2) + i] = this.#rows[(from << 2) + i]!;
    }
    this.#rows = rows;
    this.#times = times;
    return true;
  }

  /** Once in a thousand million packets: begins to count anew, and forgets what it knew. */
  #renumber(): void {
    this.#first = 0;
    this.#next = 0;
    this.#heads.fill(-1);
  }
}
