/** Most ways told apart. */
const LIMIT = 1 << 12;

/** Points that translated requests passed, in order: they are few, and many requests passed the same. */
export class RequestWays {
  readonly #ways: (readonly number[])[] = [];
  readonly #numbers = new Map<string, number>();
  refused = 0;

  /** Number of a way; -1 when there are too many. */
  numberOf(points: readonly number[]): number {
    const text = points.join(' ');
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.#ways.length >= LIMIT) {
      this.refused++;
      return -1;
    }
    const number = this.#ways.push(points) - 1;
    this.#numbers.set(text, number);
    return number;
  }

  at(number: number): readonly number[] {
    return this.#ways[number]!;
  }
}
