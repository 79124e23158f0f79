/** Holes remembered of one direction at one point; the oldest is given up when there are more. */
const RANGES = 32;
/** Points told of one direction. */
const POINTS = 32;

/** What one point saw of one direction of a connection: octets of its sequence space, however they were cut or sent again. */
export class SeenOctets {
  /** Octets seen, each counted once. */
  octets = 0;
  /** Sequence number behind the last octet seen, and how far that is from the first of the direction. */
  #end: number;
  #furthest: number;
  /** Disjoint parts seen, from and to, in order; a sequence number that has come round counts on. */
  readonly #parts: number[] = [];

  /** @param first sequence number that counts as 0 */
  constructor(first: number) {
    this.#end = first;
    this.#furthest = 0;
  }

  /** Number of the last octet seen, the first of the direction being 1; 0 when there is none. */
  get highest(): number {
    return this.#furthest;
  }

  add(sequence: number, length: number): void {
    const from = this.#furthest + ((sequence - this.#end) | 0);
    const to = from + length;
    if (to > this.#furthest) {
      this.#furthest = to;
      this.#end = (sequence + length) | 0;
    }
    const parts = this.#parts;
    // Nearly every segment goes on where the one before it ended
    if (parts.length > 0 && parts[parts.length - 1] === from) {
      parts[parts.length - 1] = to;
      this.octets += length;
      return;
    }
    let at = parts.length;
    while (at > 0 && parts[at - 1]! >= from) at -= 2;
    // `at` is now behind the last part that ends before this one begins.
    let [start, end] = [from, to];
    let count = 0;
    let known = 0;
    for (let i = at; i < parts.length && parts[i]! <= to; i += 2) {
      start = Math.min(start, parts[i]!);
      end = Math.max(end, parts[i + 1]!);
      known += parts[i + 1]! - parts[i]!;
      count += 2;
    }
    this.octets += end - start - known;
    parts.splice(at, count, start, end);
    if (parts.length > 2 * RANGES) parts.splice(1, 2);
  }
}

/** One direction of a connection, at all points that saw it. */
export class Stream {
  readonly points: number[] = [];
  readonly seen: SeenOctets[] = [];
  /** Sequence number of the first octet: that after the SYN's, or without one the first seen. */
  readonly first: number;

  constructor(first: number) {
    this.first = first;
  }

  add(point: number, sequence: number, length: number): void {
    let at = this.points.indexOf(point);
    if (at < 0) {
      if (this.points.length >= POINTS) return;
      at = this.points.length;
      this.points.push(point);
      this.seen.push(new SeenOctets(this.first));
    }
    this.seen[at]!.add(sequence, length);
  }
}
