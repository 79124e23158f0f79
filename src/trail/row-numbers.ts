/** Rows that are added at a time. */
const CHUNK_SHIFT = 10;
const CHUNK = 1 << CHUNK_SHIFT;
/** Of the rows that go round at most this many of eight are taken, or the next free one would be long to look for. */
const FULL = 7;

/**
 * Numbers of rows, from 1. Most rows are taken and given up in the same order: they go round, so that who fills them and who looks
 * at them later goes through memory in one direction, which the processor sees coming. From a free list each would be in a place of
 * its own, a wait for memory every time. Rows that stay for longer are apart, or the others would soon stand between them.
 */
export class RowNumbers {
  #isTaken = new Uint8Array(CHUNK);
  /** First numbers of the chunks that go round. */
  readonly #round: number[] = [];
  /** Chunk, and number in it, that was given out last. */
  #at = 0;
  #last = 0;
  #open = 0;
  /** Free numbers apart. */
  readonly #apart: number[] = [];
  readonly #isApart: boolean[] = [];

  constructor() {
    this.#addRound();
    // 0 is none
    this.#isTaken[0] = 1;
    this.#open = 1;
  }

  /** The next free number of those that go round. */
  take(): number {
    if (this.#open << 3 >= this.#round.length * CHUNK * FULL) this.#addRound();
    const isTaken = this.#isTaken;
    let number = this.#last;
    do {
      if ((++number & (CHUNK - 1)) === 0) {
        if (++this.#at === this.#round.length) this.#at = 0;
        number = this.#round[this.#at]!;
      }
    } while (isTaken[number] !== 0);
    isTaken[number] = 1;
    this.#open++;
    return (this.#last = number);
  }

  /** A free number apart. */
  takeApart(): number {
    if (this.#apart.length === 0) {
      const first = this.#addChunk(true);
      for (let number = first + CHUNK - 1; number >= first; number--) this.#apart.push(number);
    }
    return this.#apart.pop()!;
  }

  free(number: number): void {
    if (this.#isApart[number >> CHUNK_SHIFT]!) {
      this.#apart.push(number);
    } else {
      this.#isTaken[number] = 0;
      this.#open--;
    }
  }

  #addRound(): void {
    this.#round.push(this.#addChunk(false));
  }

  #addChunk(isApart: boolean): number {
    const first = this.#isApart.length * CHUNK;
    this.#isApart.push(isApart);
    if (first === this.#isTaken.length) {
      const isTaken = new Uint8Array(2 * first);
      isTaken.set(this.#isTaken);
      this.#isTaken = isTaken;
    }
    return first;
  }
}
