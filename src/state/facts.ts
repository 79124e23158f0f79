// What saved state says, each fact with the line that says it. Readers write these down; whoever asks reads them.
import type { Ruleset } from './rules/rule.js';

/** Where a fact stands. */
export interface Line {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

export interface Fact {
  readonly at: Line;
}

/** A switch of an interface: `ip netconf`, `sysctl net.ipv4.conf.*`. */
export interface DeviceSetting extends Fact {
  readonly family: 4 | 6;
  /** Interface, or `all`. */
  readonly device: string;
  readonly key: 'forwarding' | 'rp_filter' | 'proxy_arp';
  readonly value: number;
}

/** Any other kernel setting, and any counter, under the name its tool prints. */
export interface Figure extends Fact {
  readonly name: string;
  readonly value: number;
}

export interface Vxlan extends Fact {
  /** VNI; null for a device that takes it from elsewhere (`external`). */
  readonly id: number | null;
  readonly port: number | null;
  readonly local: string | null;
  readonly learns: boolean;
  /** Extensions of the header that the device takes: gbp, gpe, remcsumrx. */
  readonly extensions: readonly string[];
}

/** An interface, as far as one dump describes it. */
export interface Link extends Fact {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  readonly mtu: number | null;
  readonly master: string | null;
  /** MAC address and its line. */
  mac: (Fact & { readonly text: string }) | null;
  vxlan: Vxlan | null;
  hairpin: (Fact & { readonly isOn: boolean }) | null;
}

export interface OwnAddress extends Fact {
  readonly address: string;
  readonly device: string;
}

export interface Route extends Fact {
  /** unicast, blackhole, unreachable, prohibit, throw, local, … */
  readonly type: string;
  /** `default` or a prefix. */
  readonly prefix: string;
  readonly table: string;
  readonly metric: number;
  readonly hops: { readonly via: string | null; readonly device: string | null }[];
}

export interface Neighbour extends Fact {
  readonly address: string;
  readonly device: string;
  readonly mac: string | null;
  /** REACHABLE, STALE, FAILED, PERMANENT, … */
  readonly state: string;
}

/** An entry of a forwarding database (bridge or VXLAN). */
export interface Forwarding extends Fact {
  readonly mac: string;
  readonly device: string;
  /** Address of the tunnel's other end; null for an entry of a bridge. */
  readonly destination: string | null;
  readonly isPermanent: boolean;
}

export interface AddressSet extends Fact {
  readonly name: string;
  readonly members: { readonly at: Line; readonly text: string; readonly isExcluded: boolean }[];
}

export interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
}

/** A connection that netfilter follows. */
export interface Tracked extends Fact {
  readonly protocol: string;
  readonly state: string | null;
  readonly isUnreplied: boolean;
  readonly original: Ends;
  readonly reply: Ends;
}

/** A service of IPVS and its real servers. */
export interface VirtualService extends Fact {
  readonly protocol: string;
  readonly address: string;
  readonly servers: { readonly at: Line; readonly address: string }[];
}

/** All that is known of one node. */
export class NodeState {
  readonly devices: DeviceSetting[] = [];
  readonly figures: Figure[] = [];
  readonly links: Link[] = [];
  readonly addresses: OwnAddress[] = [];
  readonly routes: Route[] = [];
  /** Rules that choose another table than main for some packets; their routes cannot be told from the main table. */
  readonly policies: Fact[] = [];
  readonly neighbours: Neighbour[] = [];
  readonly forwarding: Forwarding[] = [];
  readonly sets = new Map<string, AddressSet>();
  readonly rulesets: Ruleset[] = [];
  readonly connections: Tracked[] = [];
  readonly services: VirtualService[] = [];
}
