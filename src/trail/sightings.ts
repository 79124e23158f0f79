/** Tunnel around a packet, interned: the same integers at every packet of a flow. */
export interface Tunnel {
  /** Layer kind: VXLAN, GENEVE, GRE or IP. */
  readonly kind: number;
  readonly src: number;
  readonly dst: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** VNI or GRE key, -1 where there is none. */
  readonly id: number;
}

/** Most tunnels that have a number of their own. */
const TUNNELS = 1 << 16;
const SLOTS = 2 * TUNNELS;
/** Slots looked at for a tunnel: more share their hash only in captures made to be so. */
const PROBES = 64;

/** Tunnels by number; 0 is "none", and what no longer fits is given that too. */
export class TunnelTable {
  readonly #tunnels: (Tunnel | null)[] = [null];
  /** Numbers, by open addressing: a look-up for each tunnelled frame. */
  readonly #slots = new Int32Array(SLOTS);

  idOf(kind: number, src: number, dst: number, sourcePort: number, destinationPort: number, id: number): number {
    let slot =
      Math.imul(src, 0x9e3779b1) ^
      Math.imul(dst, 0x85ebca6b) ^
      Math.imul((sourcePort << 16) | destinationPort, 0xc2b2ae35) ^
      id;
    slot = (slot ^ (slot >>> 15)) & (SLOTS - 1);
    let number = this.#slots[slot]!;
    for (let probes = 0; number !== 0; probes++) {
      if (probes === PROBES) return 0;
      const tunnel = this.#tunnels[number]!;
      if (
        tunnel.sourcePort === sourcePort &&
        tunnel.src === src &&
        tunnel.dst === dst &&
        tunnel.destinationPort === destinationPort &&
        tunnel.id === id &&
        tunnel.kind === kind
      ) {
        return number;
      }
      slot = (slot + 1) & (SLOTS - 1);
      number = this.#slots[slot]!;
    }
    number = this.#tunnels.length;
    if (number >= TUNNELS) return 0;
    this.#tunnels.push({ kind, src, dst, sourcePort, destinationPort, id });
    this.#slots[slot] = number;
    return number;
  }

  get(number: number): Tunnel | null {
    return this.#tunnels[number]!;
  }
}

/**
 * Sightings in columns, with a free list: a packet at a point. A sighting is a small integer, valid until it is freed.
 * Chained by `next` within its packet.
 */
export class SightingStore {
  #capacity: number;
  #free = -1;
  #used = 0;
  points: Uint16Array;
  files: Uint16Array;
  frames: Uint32Array;
  seconds: Uint32Array;
  nanoseconds: Uint32Array;
  /** Nanoseconds relative to the run's base, corrected for the node's clock. */
  times: Float64Array;
  /** TTL in bits 0-7, outer TTL in 8-15. */
  ttls: Uint16Array;
  tunnels: Uint16Array;
  next: Int32Array;

  constructor(capacity = 1 << 12) {
    this.#capacity = capacity;
    this.points = new Uint16Array(capacity);
    this.files = new Uint16Array(capacity);
    this.frames = new Uint32Array(capacity);
    this.seconds = new Uint32Array(capacity);
    this.nanoseconds = new Uint32Array(capacity);
    this.times = new Float64Array(capacity);
    this.ttls = new Uint16Array(capacity);
    this.tunnels = new Uint16Array(capacity);
    this.next = new Int32Array(capacity);
  }

  /** A free place; the caller fills every column. */
  take(): number {
    if (this.#free >= 0) {
      const at = this.#free;
      this.#free = this.next[at]!;
      return at;
    }
    if (this.#used === this.#capacity) this.#grow();
    return this.#used++;
  }

  free(at: number): void {
    this.next[at] = this.#free;
    this.#free = at;
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = <T extends Uint16Array | Uint32Array | Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    const n = this.#capacity;
    this.points = grown(this.points, new Uint16Array(n));
    this.files = grown(this.files, new Uint16Array(n));
    this.frames = grown(this.frames, new Uint32Array(n));
    this.seconds = grown(this.seconds, new Uint32Array(n));
    this.nanoseconds = grown(this.nanoseconds, new Uint32Array(n));
    this.times = grown(this.times, new Float64Array(n));
    this.ttls = grown(this.ttls, new Uint16Array(n));
    this.tunnels = grown(this.tunnels, new Uint16Array(n));
    this.next = grown(this.next, new Int32Array(n));
  }
}
