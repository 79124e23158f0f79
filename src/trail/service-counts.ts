import type { Tuple } from '../net/filter.js';
import { PairIndex } from '../net/pair-index.js';
import { TcpFlag } from '../wire/tcp.js';

/** Services told apart, and series kept: a service at a point. What no longer fits is refused and counted. */
const SERVICES = 1 << 14;
const SERIES = 1 << 12;
/** Intervals of a series; when more are needed, two become one. */
const INTERVALS = 64;
/** Length of an interval at first, nanoseconds. */
const FIRST_INTERVAL = 1e9;
/** The same segment at the same point within this time was recorded twice, nanoseconds; nothing is sent again so soon. */
const COPY = 1e6;
const RECENT = 1 << 12;

/** Columns of an interval. `BY_SERVICE`: those of the RSTs that the service's own address sent. */
export const Count = { SYN: 0, SYN_ACK: 1, FIN: 2, RST: 3, BY_SERVICE: 4 } as const;
const COLUMNS = 5;

/** What one point shows of one service over time. */
export class ServiceSeries {
  readonly point: number;
  readonly address: number;
  readonly port: number;
  /** Nanoseconds that an interval lasts. */
  interval = FIRST_INTERVAL;
  /** Number of the first interval: it begins at `first * interval`, relative to the run's base. */
  first = 0;
  /** Intervals in use. */
  length = 0;
  readonly #counts = new Uint32Array(INTERVALS * COLUMNS);

  constructor(point: number, address: number, port: number) {
    this.point = point;
    this.address = address;
    this.port = port;
  }

  /** @param column see Count */
  add(time: number, column: number): void {
    this.#counts[this.#intervalOf(time) * COLUMNS + column]!++;
  }

  /** What an interval has of a column; its index counts from the first one. */
  at(interval: number, column: number): number {
    return this.#counts[interval * COLUMNS + column]!;
  }

  total(column: number): number {
    let sum = 0;
    for (let i = 0; i < this.length; i++) sum += this.at(i, column);
    return sum;
  }

  #intervalOf(time: number): number {
    for (;;) {
      const number = Math.floor(time / this.interval);
      if (this.length === 0) this.first = number;
      const first = Math.min(this.first, number);
      const end = Math.max(this.first + this.length, number + 1);
      if (end - first <= INTERVALS) {
        // Times within a file, and from one file to the next, may go back.
        if (first < this.first) this.#counts.copyWithin((this.first - first) * COLUMNS, 0, this.length * COLUMNS);
        if (first < this.first) this.#counts.fill(0, 0, (this.first - first) * COLUMNS);
        this.first = first;
        this.length = end - first;
        return number - first;
      }
      this.#widen();
    }
  }

  #widen(): void {
    const first = Math.floor(this.first / 2);
    const counts = this.#counts.slice();
    this.#counts.fill(0);
    for (let i = 0; i < this.length; i++) {
      const to = Math.floor((this.first + i) / 2) - first;
      for (let column = 0; column < COLUMNS; column++) {
        this.#counts[to * COLUMNS + column]! += counts[i * COLUMNS + column]!;
      }
    }
    this.length = Math.floor((this.first + this.length - 1) / 2) - first + 1;
    this.first = first;
    this.interval *= 2;
  }
}

/** SYN, SYN,ACK, FIN and RST of each service address and port, point by point, over time. */
export class ServiceCounts {
  readonly all: ServiceSeries[] = [];
  readonly #services = new PairIndex(SERVICES);
  /** Services of which a SYN or its answer was seen. */
  readonly #isOpened = new Uint8Array(SERVICES);
  readonly #series = new PairIndex(SERIES);
  readonly #recentKeys = new Int32Array(RECENT);
  readonly #recentTimes = new Float64Array(RECENT).fill(-Infinity);

  /** Segments that are not counted because there are too many services. */
  get refused(): number {
    return this.#services.refused + this.#series.refused;
  }

  /** Notes a TCP segment that has one of the four flags. `time`: nanoseconds relative to the base, by the file's own clock. */
  add(
    { src, dst, sourcePort, destinationPort }: Tuple,
    sequence: number,
    flags: number,
    point: number,
    time: number,
  ): void {
    if (this.#isCopy(point, sourcePort, destinationPort, sequence, flags, time)) return;
    const isSyn = (flags & (TcpFlag.SYN | TcpFlag.RST)) === TcpFlag.SYN;
    const isAnswer = (flags & TcpFlag.ACK) !== 0;
    const fromService = isSyn ? isAnswer : this.#isFromService(src, sourcePort, dst, destinationPort);
    const address = fromService ? src : dst;
    const port = fromService ? sourcePort : destinationPort;
    const service = this.#services.get(address, port);
    if (service < 0) return;
    if (isSyn) this.#isOpened[service] = 1;
    const at = this.#series.get(service, point);
    if (at < 0) return;
    const series = (this.all[at] ??= new ServiceSeries(point, address, port));
    if ((flags & TcpFlag.RST) !== 0) {
      series.add(time, Count.RST);
      if (fromService) series.add(time, Count.BY_SERVICE);
      return;
    }
    if (isSyn) series.add(time, isAnswer ? Count.SYN_ACK : Count.SYN);
    if ((flags & TcpFlag.FIN) !== 0) series.add(time, Count.FIN);
  }

  /** The end that was called is the service; of a connection whose opening was not seen, the end with the lower port. */
  #isFromService(src: number, sourcePort: number, dst: number, destinationPort: number): boolean {
    const source = this.#services.find(src, sourcePort);
    const destination = this.#services.find(dst, destinationPort);
    const isSource = source >= 0 && this.#isOpened[source] !== 0;
    const isDestination = destination >= 0 && this.#isOpened[destination] !== 0;
    return isSource === isDestination ? sourcePort < destinationPort : isSource;
  }

  /** Bridges and `-i any` show a segment more than once. */
  #isCopy(point: number, from: number, to: number, sequence: number, flags: number, time: number): boolean {
    const key = Math.imul(sequence ^ Math.imul((from << 16) | to, 0x9e3779b1), 0x85ebca6b) ^ (point << 8) ^ flags;
    const slot = (key ^ (key >>> 15)) & (RECENT - 1);
    const isCopy = this.#recentKeys[slot] === key && Math.abs(time - this.#recentTimes[slot]!) < COPY;
    this.#recentKeys[slot] = key;
    this.#recentTimes[slot] = time;
    return isCopy;
  }
}
