import { PairIndex } from '../net/pair-index.js';
import { Layer } from '../wire/layers.js';
import { PacketView } from '../wire/packet.js';
import { tcpFlags } from '../wire/tcp.js';
import { FrameMemory, keptKind, keptLength, keptPoint, type FramesState, type KeptFrame } from './frame-memory.js';

export type { KeptFrame };

// SYN, FIN and RST
const TCP_EVENTS = 0x07;
/** Octets kept of a frame when not all frames are kept. */
const KEPT_OCTETS = 512;
/** Frames kept, and DNS and tunnelled packets kept of each point, when not all frames are kept. */
const KEPT_FRAMES = 1 << 14;
/** Frames kept at most: each costs a hundred octets besides its own, and a compressed file may hold any number of empty ones. */
const MOST_FRAMES = 1 << 19;
const ORDINARY = 1024;
/** How many frames of a kind are kept when not all frames are: none, some of each point, all. */
const NONE = 0;
const SOME = 1;
const ALL = 2;

/** The inside of a FrameStore, to hand to another thread. */
export interface StoreState extends FramesState {
  /** It kept every frame that it was offered. */
  readonly complete: boolean;
}

/**
 * Frames kept in memory: all of them where the captures are small, else the first of the kinds that faults show in (ARP, ICMP
 * errors, BGP, the ends of TCP connections, some DNS and some of what travels in tunnels).
 */
export class FrameStore {
  /** True when every frame of the run is here. */
  complete: boolean;
  readonly #memory = new FrameMemory();
  /** As objects, made when they are asked for. */
  #frames: readonly KeptFrame[] | null = null;
  #index: FrameIndex | null = null;
  readonly #limit: number;
  readonly #view: PacketView;
  /** By point. */
  readonly #ordinary: number[] = [];
  #octets = 0;

  /**
   * @param all keep every frame, as long as the bound allows
   * @param limit octets kept at most
   */
  constructor(all: boolean, limit: number, vxlanPorts: readonly number[] = []) {
    this.complete = all;
    this.#limit = limit;
    this.#view = new PacketView({ vxlanPorts });
  }

  get frames(): readonly KeptFrame[] {
    return (this.#frames ??= this.#memory.all);
  }

  /** What another store's `add` takes. */
  get state(): StoreState {
    return { ...this.#memory.state, complete: this.complete };
  }

  /** Keeps a decoded frame, or passes it over. */
  offer(packet: PacketView, point: number, file: number, frame: number, seconds: number, nanoseconds: number): void {
    if (!this.#isFull) this.#offer(packet, point, file, frame, seconds, nanoseconds);
  }

  #offer(packet: PacketView, point: number, file: number, frame: number, seconds: number, nanoseconds: number): void {
    const kind = kindOf(packet);
    const length = packet.frameEnd - packet.frameAt;
    if (!this.#takes(kind, length, point)) return;
    this.#memory.add(packet, this.#keeps(length), kind, point, file, frame, seconds, nanoseconds);
  }

  /** Takes over frames of a file that another store kept, as if they were offered here. @param points those here for its own */
  add(state: StoreState, points: readonly number[], file: number): void {
    for (let number = 0; number < state.count && !this.#isFull; number++) {
      const point = points[keptPoint(state, number)]!;
      if (this.#takes(keptKind(state, number), keptLength(state, number), point))
        this.#memory.copy(state, number, point, file);
    }
    if (!state.complete) this.complete = false;
  }

  /** It will take no more. */
  get #isFull(): boolean {
    return !this.complete && this.#memory.count >= KEPT_FRAMES;
  }

  /** Counts a frame in, or passes it over. */
  #takes(kind: number, length: number, point: number): boolean {
    if (!this.complete && !this.#matters(kind, point)) return false;
    const kept = this.#keeps(length);
    if (this.#octets + kept > this.#limit || this.#memory.count === MOST_FRAMES) {
      this.complete = false;
      return false;
    }
    this.#octets += kept;
    return true;
  }

  #keeps(length: number): number {
    return this.complete ? length : Math.min(length, KEPT_OCTETS);
  }

  #matters(kind: number, point: number): boolean {
    if (kind !== SOME) return kind === ALL;
    const seen = this.#ordinary[point] ?? 0;
    if (seen === ORDINARY) return false;
    this.#ordinary[point] = seen + 1;
    return true;
  }

  /** Leaves out what another capture of a point has, too: of points whose captures overlap. The frames can still be found. */
  dropCopies(overlapping: ReadonlySet<number>): void {
    if (overlapping.size === 0) return;
    const all = this.frames;
    this.#index = new FrameIndex(all);
    // Of frames with one key the first: of those that are alike in one capture none is a copy
    const firsts = new Map<string, KeptFrame>();
    this.#frames = all.filter((kept) => {
      const { point, file, seconds, nanoseconds, octets } = kept;
      if (!overlapping.has(point)) return true;
      const moment = `${point} ${seconds} ${nanoseconds} ${hashOf(octets)}`;
      const first = firsts.get(moment);
      if (first === undefined) firsts.set(moment, kept);
      return first === undefined || first.file === file || !isEqual(first, kept);
    });
  }

  /** The frame decoded, in a view that the next call reuses. */
  view(kept: KeptFrame): PacketView {
    kept.decodeInto(this.#view);
    return this.#view;
  }

  /** The kept frame of a sighting, or null. */
  find(file: number, frame: number): KeptFrame | null {
    return (this.#index ??= new FrameIndex(this.frames)).find(file, frame);
  }
}

function kindOf(packet: PacketView): number {
  if (packet.arpAt >= 0 || packet.quotedIpAt >= 0 || packet.bgpAt >= 0) return ALL;
  if (packet.l4Kind === Layer.TCP && (tcpFlags(packet.view, packet.l4At) & TCP_EVENTS) !== 0) return ALL;
  return packet.tunnelDepth === 0 && packet.dnsAt < 0 ? NONE : SOME;
}

/** Finds frames by file and number. */
class FrameIndex {
  readonly #frames: readonly KeptFrame[];
  /** By the place of each. */
  readonly #places = new PairIndex(MOST_FRAMES);

  constructor(frames: readonly KeptFrame[]) {
    this.#frames = frames;
    for (const { file, frame } of frames) this.#places.get(file, frame | 0);
  }

  find(file: number, frame: number): KeptFrame | null {
    return this.#frames[this.#places.find(file, frame | 0)] ?? null;
  }
}

function isEqual(a: KeptFrame, b: KeptFrame): boolean {
  if (a.octets.length !== b.octets.length || a.originalLength !== b.originalLength || a.linkType !== b.linkType)
    return false;
  return a.octets.every((octet, i) => octet === b.octets[i]);
}

function hashOf(octets: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of octets) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash;
}
