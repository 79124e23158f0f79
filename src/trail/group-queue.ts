import { GroupRow, type GroupTable } from './packet-group.js';
import { ROW_SHIFT } from './row.js';

// Own constants, not imported ones: the compiler folds only the former
const SHIFT = ROW_SHIFT;
const SERIAL = GroupRow.SERIAL;

/** A ring of groups, first in first out, each with its serial number. */
export class GroupQueue {
  #ring = new Int32Array(2 << 12);
  #from = 0;
  #length = 0;
  readonly #groups: GroupTable;

  constructor(groups: GroupTable) {
    this.#groups = groups;
  }

  /** The group that has been here for longest, 0 when there is none; those that were told meanwhile leave. */
  get first(): number {
    const { rows } = this.#groups;
    for (; this.#length > 0; this.shift()) {
      const group = this.#ring[this.#from << 1]!;
      if (rows[(group << SHIFT) + SERIAL] === this.#ring[(this.#from << 1) + 1]) return group;
    }
    return 0;
  }

  push(group: number): void {
    if (this.#length === this.#ring.length >> 1) this.#makeRoom();
    this.#append(group, this.#groups.rows[(group << SHIFT) + SERIAL]!);
  }

  #append(group: number, serial: number): void {
    const at = (this.#from + this.#length++) & ((this.#ring.length >> 1) - 1);
    this.#ring[at << 1] = group;
    this.#ring[(at << 1) + 1] = serial;
  }

  shift(): void {
    this.#from = (this.#from + 1) & ((this.#ring.length >> 1) - 1);
    this.#length--;
  }

  /** Puts the first behind the last. */
  turn(): void {
    const at = this.#from << 1;
    const [group, serial] = [this.#ring[at]!, this.#ring[at + 1]!];
    this.shift();
    this.#append(group, serial);
  }

  /** Drops what is over, and grows when that is less than half. */
  #makeRoom(): void {
    const { rows } = this.#groups;
    const length = this.#length;
    for (let i = 0; i < length; i++) {
      const at = this.#from << 1;
      const [group, serial] = [this.#ring[at]!, this.#ring[at + 1]!];
      this.shift();
      if (rows[(group << SHIFT) + SERIAL] === serial) this.#append(group, serial);
    }
    if (this.#length <= length >> 1) return;
    const ring = new Int32Array(this.#ring.length * 2);
    const size = this.#ring.length >> 1;
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#from + i) & (size - 1);
      ring[i << 1] = this.#ring[at << 1]!;
      ring[(i << 1) + 1] = this.#ring[(at << 1) + 1]!;
    }
    this.#ring = ring;
    this.#from = 0;
  }
}
