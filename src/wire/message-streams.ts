/** DNS and BGP messages of the TCP connections of a capture. Only segments of these protocols come here. */
import { BgpSession } from './bgp-session.js';
import { formatIpv4, formatIpv6 } from './format.js';
import { ipv4DstAt, ipv4SrcAt } from './ipv4.js';
import { ipv6DstAt, ipv6SrcAt } from './ipv6.js';
import { Layer } from './layers.js';
import { BGP_FRAMING, DNS_FRAMING, type MessageCounts, type MessageFraming, MessageStream } from './message-stream.js';
import { messagesOf, type Message } from './messages.js';
import type { PacketView } from './packet.js';
import { tcpDstPort, TcpFlag, tcpFlags, tcpSeq, tcpSrcPort } from './tcp.js';

/** Directions of connections that are followed at a time. */
const MOST_STREAMS = 4096;
/** Octets kept of messages that were not completed. */
const MOST_OCTETS = 8 << 20;

const FRAMING_OF_PORT: ReadonlyMap<number, MessageFraming> = new Map([
  [53, DNS_FRAMING],
  [179, BGP_FRAMING],
]);

/**
 * Puts the messages together that span segments. What comes too much, the oldest connection first, is given up and counted;
 * so are messages of which a segment is missing, was cut, or came out of order.
 */
export class MessageStreams {
  readonly counts: MessageCounts = { spanned: 0, givenUp: 0 };
  /** The one that was used longest ago first. */
  readonly #streams = new Map<string, MessageStream>();
  /** BGP connections, the one that was used longest ago first. */
  readonly #sessions = new Map<string, BgpSession>();
  #octets = 0;

  /**
   * The messages of a packet; of a TCP segment those that it completes, and last the one that goes on. `origin` tells one
   * capture point from another: each is followed for itself. Valid until the next packet is decoded.
   */
  messagesOf(packet: PacketView, origin: string): Message[] {
    if (packet.l4Kind !== Layer.TCP) return messagesOf(packet);
    const { view, l4At, payloadAt, payloadLength } = packet;
    const srcPort = tcpSrcPort(view, l4At);
    const dstPort = tcpDstPort(view, l4At);
    const framing = FRAMING_OF_PORT.get(dstPort) ?? FRAMING_OF_PORT.get(srcPort);
    if (framing === undefined) return [];
    const flags = tcpFlags(view, l4At);
    const begins = (flags & TcpFlag.SYN) !== 0;
    const ends = (flags & (TcpFlag.FIN | TcpFlag.RST)) !== 0;
    if (payloadLength === 0 && !begins && !ends) return [];

    const source = `${sourceOf(packet)} ${srcPort}`;
    const destination = `${destinationOf(packet)} ${dstPort}`;
    const key = `${origin} ${source} ${destination} ${packet.tunnelDepth} ${packet.packetType}`;
    const stream = this.#streams.get(key) ?? new MessageStream(framing, this.counts);
    this.#streams.delete(key);
    this.#octets -= stream.size;
    const seq = tcpSeq(view, l4At);
    if (begins) stream.begin((seq + 1) | 0);
    const end = Math.max(payloadAt, packet.payloadEnd);
    const isData = payloadLength > 0 && (flags & TcpFlag.RST) === 0 && payloadAt <= packet.frameEnd;
    const segment = { view, at: payloadAt, end, length: payloadLength, seq: begins ? (seq + 1) | 0 : seq };
    const messages = isData ? stream.add(segment) : [];
    if (ends) stream.giveUp();
    else this.#keep(key, stream);
    const found = messages ?? messagesOf(packet);
    if (framing !== BGP_FRAMING) return found;
    const side = source < destination ? 0 : 1;
    const connection = side === 0 ? `${source} ${destination}` : `${destination} ${source}`;
    const isNew = begins && (flags & TcpFlag.ACK) === 0;
    const session = this.#session(`${origin} ${connection} ${packet.tunnelDepth}`, isNew);
    return found.map((message) => session.read(side, message));
  }

  /** The session of a connection, a new one when the connection begins. */
  #session(key: string, isNew: boolean): BgpSession {
    const session = (isNew ? undefined : this.#sessions.get(key)) ?? new BgpSession();
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size > MOST_STREAMS) this.#sessions.delete(this.#sessions.keys().next().value!);
    return session;
  }

  #keep(key: string, stream: MessageStream): void {
    this.#streams.set(key, stream);
    this.#octets += stream.size;
    for (const [oldest, { size }] of this.#streams) {
      if (this.#streams.size <= MOST_STREAMS && this.#octets <= MOST_OCTETS) return;
      this.#streams.get(oldest)!.giveUp();
      this.#streams.delete(oldest);
      this.#octets -= size;
    }
  }
}

function sourceOf({ view, ipAt, ipVersion }: PacketView): string {
  return ipVersion === 4 ? formatIpv4(view, ipv4SrcAt(ipAt)) : formatIpv6(view, ipv6SrcAt(ipAt));
}

function destinationOf({ view, ipAt, ipVersion }: PacketView): string {
  return ipVersion === 4 ? formatIpv4(view, ipv4DstAt(ipAt)) : formatIpv6(view, ipv6DstAt(ipAt));
}
