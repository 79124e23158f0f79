import type { Fact } from '../facts.js';

/** Something that a rule asks of a packet. */
export interface Condition {
  readonly field:
    | 'in'
    | 'out'
    | 'source'
    | 'destination'
    | 'protocol'
    | 'sourcePort'
    | 'destinationPort'
    | 'sourceSet'
    | 'destinationSet'
    | 'state'
    | 'local'
    /** Cannot be told from the packet: marks, times, owners. */
    | 'other';
  readonly isNegated: boolean;
  /** One of them must hold. */
  readonly values: readonly string[];
}

export type Target =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' | 'masquerade' | 'snat' | 'dnat' | 'continue' | 'unknown' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface Rule extends Fact {
  readonly conditions: readonly Condition[];
  readonly target: Target;
  /** Packets that matched; null when the dump does not count. */
  readonly packets: number | null;
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Chain extends Fact {
  readonly name: string;
  readonly hook: Hook | null;
  readonly policy: 'accept' | 'drop' | null;
  /** Packets that met the policy; null when not counted. */
  readonly packets: number | null;
  readonly rules: Rule[];
}

/** A table of iptables or nft. */
export interface Ruleset {
  readonly family: 4 | 6 | 'any';
  readonly table: string;
  readonly chains: Map<string, Chain>;
}

/** What rules ask about; null where it is not known. */
export interface Asked {
  readonly in: string | null;
  readonly out: string | null;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Conntrack's word for it where that is sure. */
  readonly state: 'NEW' | null;
  /** The destination is an address of the node. */
  readonly isLocal: boolean;
}
