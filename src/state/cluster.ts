import type { Line } from './facts.js';

/** Whose an address is, as the cluster's own objects say. */
export interface NamedAddress {
  readonly kind: 'pod' | 'node' | 'service';
  /** `namespace/name` of a pod or a service, `name` of a node. */
  readonly name: string;
  /** Node that a pod runs on. */
  readonly node: string | null;
  readonly at: Line;
  /** A pod that has ended keeps its address in the listing, while another one may have got it. */
  readonly isOver: boolean;
}

/** An endpoint of a service. */
export interface Endpoint {
  readonly address: string;
  readonly isReady: boolean;
  readonly at: Line;
}

/** What kubectl's JSON says. */
export class Cluster {
  readonly #names = new Map<string, NamedAddress[]>();
  /** Endpoints by `namespace/name` of their service. */
  readonly endpoints = new Map<string, { readonly at: Line; readonly list: Endpoint[] }>();
  /** Outputs of kubectl that were read. */
  dumps = 0;
  /** The first line of each listing of pods: only with one does the absence of a pod say something. */
  pods: Line | null = null;
  nodes: Line | null = null;

  add(address: string, named: NamedAddress): void {
    const list = this.#names.get(address);
    if (list === undefined) this.#names.set(address, [named]);
    else list.push(named);
  }

  get size(): number {
    return this.#names.size;
  }

  /** All that bear an address, those that are there before those that are over. */
  all(address: string): readonly NamedAddress[] {
    const list = this.#names.get(address) ?? [];
    return [...list.filter(({ isOver }) => !isOver), ...list.filter(({ isOver }) => isOver)];
  }

  /** Who has an address now; of several, as pods on the host's network, the node. */
  find(address: string): NamedAddress | null {
    const list = this.all(address).filter(({ isOver }) => !isOver);
    return list.find(({ kind }) => kind === 'node') ?? list[0] ?? null;
  }
}
