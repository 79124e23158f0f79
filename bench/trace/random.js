/** Marsaglia's xorshift32: good enough for traffic, fast, and the same on every machine. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let i = 0; i < 16; i++) this.next();
  }

  /** An int32, never 0. */
  next() {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }

  /** A number of [0, 1). */
  fraction() {
    return (this.next() >>> 0) / 4294967296;
  }

  /**
   * An integer of [0, n).
   * @param {number} n
   */
  below(n) {
    return Math.floor(this.fraction() * n);
  }

  /**
   * Exponentially distributed with this mean, at most ten times the mean.
   * @param {number} mean
   */
  exponential(mean) {
    return Math.min(-Math.log(1 - this.fraction()), 10) * mean;
  }
}
