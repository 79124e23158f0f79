/**
 * The sightings of one packet so far: all with the same exact key, close in time. Pooled: a group is reused as soon as it is
 * closed. Numbers are int32 unless said otherwise, so that no field needs a heap number but the times.
 */
export class PacketGroup {
  exactLow = 0;
  exactHigh = 0;
  invariantLow = 0;
  invariantHigh = 0;
  burst = 0;

  src = 0;
  dst = 0;
  ipVersion = 0;
  protocol = 0;
  /** TCP and UDP ports, -1 where there are none. */
  sourcePort = -1;
  destinationPort = -1;
  ipId = 0;
  /** Octets of the fragment's place in its packet, and whether more follow. */
  fragmentOffset = 0;
  moreFragments = 0;
  /** Octets after the IP headers, as announced. */
  l4Length = 0;
  /** Layer.TCP, UDP, ICMP, ICMPV6, or -1. */
  kind = -1;
  /** TCP: sequence number, acknowledgement, flags; ICMP: type << 8 | code, identifier, sequence; DNS over UDP: id, flags, type. */
  a = 0;
  b = 0;
  c = 0;
  payloadLength = 0;
  /** What it says: an entry of the run's texts (DNS name), -1 none. */
  nameId = -1;
  isDns = false;
  /** ICMP error: the packet it quotes. */
  quote: Quote | null = null;

  firstTime = 0;
  lastTime = 0;
  /** First sighting of the chain. */
  head = -1;
  count = 0;

  /** Chains of the three key tables, both ways: a hostile capture can put all packets into one. */
  nextExact: PacketGroup | null = null;
  previousExact: PacketGroup | null = null;
  nextInvariant: PacketGroup | null = null;
  previousInvariant: PacketGroup | null = null;
  nextBurst: PacketGroup | null = null;
  previousBurst: PacketGroup | null = null;
  /** Why another packet may be this one; null when there is none. */
  resembles: string | null = null;
  /** Octets of it that were told with the packets it was merged from. */
  told = 0;
  /** Set when it is told: with another group, or on its own. */
  done = false;
}

/** The flow that an ICMP error quotes. */
export interface Quote {
  readonly src: number;
  readonly dst: number;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** ICMP: type, and of an echo the identifier and sequence; -1 where it is none. */
  readonly icmpType: number;
  readonly icmpId: number;
  readonly icmpSeq: number;
  /** The quoted packet is a tunnel's: the error is about the underlay. */
  readonly tunnel: boolean;
  /** The flow inside the tunnel, where the quotation shows it. */
  readonly inner: Quote | null;
}
