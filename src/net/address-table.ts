import { formatIpv6 } from '../wire/format.js';

/** Bits of an id: so many addresses are told apart unless the caller says otherwise. */
export const ADDRESS_BITS = 20;

/** The inside of a table, to hand to another thread. */
export interface AddressState {
  readonly words: Int32Array;
  readonly versions: Uint8Array;
  readonly slots: Int32Array;
  readonly count: number;
}

/**
 * Small integers for IP addresses, so that both families share one flow table. Ids count from 0; the table never forgets,
 * and at its bound every further address gets the id OVERFLOW, which is counted.
 */
export class AddressTable {
  static readonly OVERFLOW = 0;
  #words: Int32Array;
  #versions: Uint8Array;
  /** By hash, in twos: first word, and the id of an IPv4 address or -id of an IPv6 one. An IPv4 address is found in one line of the cache. */
  #slots: Int32Array;
  #mask: number;
  #count = 1; // id 0 is OVERFLOW
  readonly #limit: number;
  /** Addresses that no longer fitted. */
  refused = 0;

  constructor(limit = 1 << ADDRESS_BITS) {
    this.#limit = limit;
    this.#slots = new Int32Array(2 << 12);
    this.#mask = this.#slots.length - 2;
    this.#words = new Int32Array(4 << 11);
    this.#versions = new Uint8Array(1 << 11);
  }

  /** A table that knows the addresses of another one and takes no more: every other address is OVERFLOW. */
  static of({ words, versions, slots, count }: AddressState): AddressTable {
    const table = new AddressTable(count);
    table.#words = words;
    table.#versions = versions;
    table.#slots = slots;
    table.#mask = slots.length - 2;
    table.#count = count;
    return table;
  }

  /** What `of` makes a table of; it shares the memory of this one. */
  get state(): AddressState {
    return { words: this.#words, versions: this.#versions, slots: this.#slots, count: this.#count };
  }

  /** Takes over the addresses of another table, in its order. Returns the ids here by the ids there. */
  add({ words, versions, count }: AddressState): Int32Array {
    const ids = new Int32Array(count);
    for (let id = 1; id < count; id++) {
      const at = id << 2;
      ids[id] = this.#id(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, versions[id]!);
    }
    return ids;
  }

  /** Ids given out are below this. */
  get size(): number {
    return this.#count;
  }

  /** Id of the IPv4 address at an offset. */
  idOfIpv4(view: DataView, at: number): number {
    const word = view.getInt32(at);
    // The usual end of #id, a third faster than going there: the first slot has it
    const slots = this.#slots;
    const slot = hashIpv4(word) & this.#mask;
    const id = slots[slot + 1]!;
    if (id > 0 && slots[slot] === word) return id;
    return this.#id(word, 0, 0, 0, 4);
  }

  /** Id of the IPv6 address at an offset. */
  idOfIpv6(view: DataView, at: number): number {
    return this.#id(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12), 6);
  }

  #id(a: number, b: number, c: number, d: number, version: number): number {
    let slot = (version === 4 ? hashIpv4(a) : hashIpv6(a, b, c, d)) & this.#mask;
    for (;;) {
      const signed = this.#slots[slot + 1]!;
      if (signed === 0) break;
      if (this.#slots[slot] === a && signed > 0 === (version === 4)) {
        const id = Math.abs(signed);
        const at = id << 2;
        const words = this.#words;
        if (words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return id;
      }
      slot = (slot + 2) & this.#mask;
    }
    if (this.#count >= this.#limit) {
      this.refused++;
      return AddressTable.OVERFLOW;
    }
    const id = this.#count++;
    if (id >= this.#versions.length) this.#grow();
    this.#words.set([a, b, c, d], id << 2);
    this.#versions[id] = version;
    this.#slots[slot] = a;
    this.#slots[slot + 1] = version === 4 ? id : -id;
    if (this.#count * 4 > this.#slots.length) this.#rehash();
    return id;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const versions = new Uint8Array(this.#versions.length * 2);
    versions.set(this.#versions);
    this.#versions = versions;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#mask = this.#slots.length - 2;
    for (let id = 1; id < this.#count; id++) {
      const at = id << 2;
      const words = this.#words;
      let slot =
        (this.#versions[id] === 4
          ? hashIpv4(words[at]!)
          : hashIpv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)) & this.#mask;
      while (this.#slots[slot + 1] !== 0) slot = (slot + 2) & this.#mask;
      this.#slots[slot] = this.#words[at]!;
      this.#slots[slot + 1] = this.#versions[id] === 4 ? id : -id;
    }
  }

  version(id: number): number {
    return this.#versions[id]!;
  }

  /** First 32 bits of the address: the whole of an IPv4 address. */
  word(id: number): number {
    return this.#words[id << 2]!;
  }

  /** True for an address that no router forwards (RFC 3927, RFC 4291). */
  isLinkLocal(id: number): boolean {
    const word = this.word(id);
    return this.version(id) === 4 ? word >>> 16 === 0xa9fe : word >>> 22 === 0xfe80 >>> 6;
  }

  /** Writes the octets of the address; those of an IPv4 address are four. */
  copy(id: number, view: DataView, at: number): void {
    for (let i = 0; i < 4; i++) view.setInt32(at + 4 * i, this.#words[(id << 2) + i]!);
  }

  /** The address as text (RFC 5952 for IPv6). */
  text(id: number): string {
    if (id === AddressTable.OVERFLOW) return '?';
    const at = id << 2;
    if (this.#versions[id] === 4) {
      const word = this.#words[at]!;
      return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
    }
    const octets = new DataView(new ArrayBuffer(16));
    for (let i = 0; i < 4; i++) octets.setInt32(i * 4, this.#words[at + i]!);
    return formatIpv6(octets, 0);
  }
}

/** In fewer steps than hashIpv6: two addresses or more are looked up for every frame. The low bits depend on all of the word. */
function hashIpv4(word: number): number {
  const h = Math.imul(word, 0x9e3779b1);
  return h ^ (h >>> 15) ^ (h >>> 23);
}

function hashIpv6(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
