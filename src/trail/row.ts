/**
 * Packets and their sightings as rows of int32 in one array: a packet is 128 octets, two cache lines, where an object of its
 * own cost three to four times as much to make, to link and to forget. What a sighting tells of its packet stands at the same
 * places as what a group keeps of it, so that a group begins as a copy.
 */
export const Row = {
  EXACT_LOW: 0,
  EXACT_HIGH: 1,
  INVARIANT_LOW: 2,
  INVARIANT_HIGH: 3,
  /** 0 where the packet can have no pieces. */
  BURST: 4,
  /** Address ids. */
  SRC: 5,
  DST: 6,
  /** TCP and UDP ports, -1 where there are none. */
  SOURCE_PORT: 7,
  DESTINATION_PORT: 8,
  /** IP protocol number. */
  PROTOCOL: 9,
  /** Layer.TCP, UDP, ICMP, ICMPV6, or -1. */
  KIND: 10,
  /** See RowFlag. */
  FLAGS: 11,
  IP_ID: 12,
  /** Octets of the fragment's place in its packet. */
  FRAGMENT_OFFSET: 13,
  /** Octets after the IP headers, as announced. */
  L4_LENGTH: 14,
  PAYLOAD_LENGTH: 15,
  /** TCP: sequence number, acknowledgement, flags; ICMP: type << 8 | code, identifier, sequence; DNS over UDP: id, flags, type. */
  A: 16,
  B: 17,
  C: 18,
  /**
   * DNS over UDP: of a sighting dnsQuestionHash (0 none), of a group the number of the name (-1 none). TCP: timestamp of a SYN, or
   * the one that a SYN,ACK echoes (0 none).
   */
  NAME: 19,
  /** The rest is of a sighting alone. Number of the frame in its file. */
  FRAME: 20,
  /** As the file says; unsigned. */
  SECONDS: 21,
  NANOSECONDS: 22,
  /** TTL in bits 0-7, outer TTL in 8-15. */
  TTLS: 23,
  /** Number in the tunnel table of who read the frame; 0 is a bare packet. */
  TUNNEL: 24,
  INTERFACE: 25,
  /** Of cooked v2 captures, else -1. */
  INTERFACE_INDEX: 26,
  /** Where the batch keeps the frame's octets, and how many; -1 when it does not. */
  KEPT_AT: 27,
  KEPT_LENGTH: 28,
  ORIGINAL_LENGTH: 29,
  LINK_TYPE: 30,
} as const;

/** Int32 of a row, as a power of two. */
export const ROW_SHIFT = 5;
/** Fields that a group takes over from a sighting. */
export const PACKET_FIELDS = 20;

/** Bits of Row.FLAGS: the lowest four are the IP version. */
export const RowFlag = { VERSION: 15, DNS: 16, MORE_FRAGMENTS: 32, ICMP_ERROR: 64 } as const;
