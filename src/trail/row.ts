/**
 * Packets and their sightings as rows of int32 in one array: a packet is 128 octets, two cache lines, where an object of its
 * own cost three to four times as much to make, to link and to forget. What a sighting tells of its packet stands at the same
 * places as what a group keeps of it, so that a group begins as a copy. Keys, and the chains of groups that go with them, are in
 * one cache line: whoever walks a chain touches no other.
 */
export const Row = {
  EXACT_LOW: 0,
  EXACT_HIGH: 1,
  INVARIANT_LOW: 2,
  INVARIANT_HIGH: 3,
  /** 0 where the packet can have no pieces. */
  BURST: 4,
  /** Of a sighting alone, where a group has GroupRow. Number of the frame in its file. */
  FRAME: 5,
  /** As the file says; unsigned. */
  SECONDS: 6,
  NANOSECONDS: 7,
  /** TTL in bits 0-7, outer TTL in 8-15, source port of the outer UDP in 16-31. */
  TTLS: 8,
  /** Number in the tunnel table of who read the frame; 0 is a bare packet. */
  TUNNEL: 9,
  INTERFACE: 10,
  /** Of cooked v2 captures, else -1. */
  INTERFACE_INDEX: 11,
  /** Where the batch keeps the frame's octets, and how many; -1 when it does not. */
  KEPT_AT: 12,
  KEPT_LENGTH: 13,
  ORIGINAL_LENGTH: 14,
  LINK_TYPE: 15,
  /** From here on what a group takes over besides the keys. Address ids. */
  SRC: 16,
  DST: 17,
  /** TCP and UDP ports, -1 where there are none. */
  SOURCE_PORT: 18,
  DESTINATION_PORT: 19,
  /** IP protocol number. */
  PROTOCOL: 20,
  /** See RowFlag; in the bits from KIND_SHIFT on Layer.TCP, UDP, ICMP, ICMPV6, or -1. */
  FLAGS: 21,
  IP_ID: 22,
  /** Octets of the fragment's place in its packet. */
  FRAGMENT_OFFSET: 23,
  /** Octets after the IP headers, as announced. */
  L4_LENGTH: 24,
  PAYLOAD_LENGTH: 25,
  /** TCP: sequence number, acknowledgement, flags; ICMP: type << 8 | code, identifier, sequence; DNS over UDP: id, flags, type. */
  A: 26,
  B: 27,
  C: 28,
  /**
   * DNS over UDP: of a sighting dnsQuestionHash (0 none), of a group the number of the name (-1 none). TCP: timestamp of a SYN, or
   * the one that a SYN,ACK echoes (0 none).
   */
  NAME: 29,
} as const;

/** Int32 of a row, as a power of two. */
export const ROW_SHIFT = 5;
/** Keys, at the beginning of a row. */
export const KEYS = 5;
/** First of the fields that describe a packet, and the one behind the last. */
export const DESCRIPTION = 16;
export const DESCRIPTION_END = 30;

/** Bits of Row.FLAGS: the lowest four are the IP version. */
export const RowFlag = { VERSION: 15, DNS: 16, MORE_FRAGMENTS: 32, ICMP_ERROR: 64 } as const;
/** What the packet is stands in Row.FLAGS from this bit on, signed. */
export const KIND_SHIFT = 8;
