/** The messages in one direction of a TCP connection, those that span segments too. */
import { bgpLength, BGP_HEADER_LENGTH, BGP_MARKER_LENGTH, bgpMarkerIsGood } from './bgp.js';
import { DNS_HEADER_LENGTH, DNS_TCP_LENGTH, dnsTcpBegins, dnsTcpEnd } from './dns.js';
import { Layer } from './layers.js';
import type { Message } from './messages.js';

/** How a protocol tells where its messages end. */
export interface MessageFraming {
  readonly protocol: number;
  /** Octets that tell the length of a message. */
  readonly prefix: number;
  /** Octets by which a message can be told from other data. */
  readonly telling: number;
  /** How many of them come before what is called the message. */
  readonly skip: number;
  /** Octets of the message at `at`, those before it included; -1 for what cannot be one. The prefix is in bounds. */
  readonly lengthAt: (view: DataView, at: number) => number;
  /** Whether a message seems to begin at `at`: where a connection's beginning was not captured, or it carries another protocol. */
  readonly begins: (view: DataView, at: number, end: number) => boolean;
}

/** RFC 1035 section 4.2.2. */
export const DNS_FRAMING: MessageFraming = {
  protocol: Layer.DNS,
  prefix: DNS_TCP_LENGTH,
  telling: DNS_TCP_LENGTH + DNS_HEADER_LENGTH,
  skip: DNS_TCP_LENGTH,
  lengthAt: (view, at) => {
    const length = dnsTcpEnd(view, at) - at;
    return length < DNS_TCP_LENGTH + DNS_HEADER_LENGTH ? -1 : length;
  },
  begins: dnsTcpBegins,
};

/** RFC 4271 section 4.1; messages longer than 4096 octets by RFC 8654. */
export const BGP_FRAMING: MessageFraming = {
  protocol: Layer.BGP,
  prefix: BGP_HEADER_LENGTH,
  telling: BGP_MARKER_LENGTH,
  skip: 0,
  lengthAt: (view, at) => {
    const length = bgpLength(view, at);
    return length < BGP_HEADER_LENGTH || !bgpMarkerIsGood(view, at) ? -1 : length;
  },
  begins: (view, at, end) => end - at >= BGP_MARKER_LENGTH && bgpMarkerIsGood(view, at),
};

/** What became of the messages that span segments. */
export interface MessageCounts {
  /** Put together. */
  spanned: number;
  /** Not put together: a segment is missing or was cut, or there was no room. */
  givenUp: number;
}

/** Octets of a TCP segment. */
export interface Segment {
  readonly view: DataView;
  readonly at: number;
  /** One past the last captured octet. */
  readonly end: number;
  /** Octets, as announced. */
  readonly length: number;
  /** Sequence number of the octet at `at`. */
  readonly seq: number;
}

const LEAST_BUFFER = 2048;
const NOTHING = new Uint8Array(0);

/** Keeps at most the beginning of one message: no more than 65,537 octets, and no more than twice what was sent. */
export class MessageStream {
  readonly #framing: MessageFraming;
  readonly #counts: MessageCounts;
  /** Sequence number of the next octet; without meaning while not in step. */
  #next = 0;
  /** Whether it is known where messages begin. */
  #inStep = false;
  /** The beginning of a message that goes on in another segment. */
  #buffer = NOTHING;
  #held = 0;

  constructor(framing: MessageFraming, counts: MessageCounts) {
    this.#framing = framing;
    this.#counts = counts;
  }

  /** Octets of memory that it keeps. */
  get size(): number {
    return this.#buffer.length;
  }

  /** The connection begins, and its first message has this sequence number. */
  begin(seq: number): void {
    this.giveUp();
    this.#next = seq;
    this.#inStep = true;
  }

  /** Lets go of a message that was not completed, and waits for one to begin. */
  giveUp(): void {
    if (this.#held > 0) this.#counts.givenUp++;
    this.#inStep = false;
    this.#release();
  }

  /**
   * The messages that have octets in the segment: those that it completes, and last the one that goes on in the next segment.
   * Null when it cannot be known where messages begin in it, or all of it came before.
   */
  add(segment: Segment): Message[] | null {
    const { view, seq, end, length } = segment;
    let at = segment.at;
    if (this.#inStep) {
      const known = (this.#next - seq) | 0;
      if (known >= length) return null;
      if (known < 0) this.giveUp();
      else at = Math.min(end, at + known);
    }
    if (!this.#inStep) {
      if (!this.#framing.begins(view, at, end)) return null;
      this.#inStep = true;
    }
    this.#next = (seq + length) | 0;
    const cut = end - segment.at < length;
    const messages: Message[] = [];
    if (this.#held > 0) at = this.#complete(view, at, end, messages);
    while (at < end && this.#inStep) at = this.#read(view, at, end, cut, messages);
    const outOfStep = !this.#inStep && messages.length === 0;
    if (cut) this.giveUp();
    return outOfStep ? null : messages;
  }

  /** Goes on with the message that is held; where the rest of the segment begins. */
  #complete(view: DataView, from: number, end: number, messages: Message[]): number {
    const { protocol, prefix, skip, lengthAt, begins } = this.#framing;
    const at = this.#hold(view, from, Math.min(end, from + Math.max(0, prefix - this.#held)));
    if (this.#held < prefix) return at;
    const length = lengthAt(this.#view(), 0);
    if (length < 0) {
      this.giveUp();
      return end;
    }
    const next = this.#hold(view, at, Math.min(end, at + length - this.#held));
    if (this.#held < length) return next;
    if (!begins(this.#view(), 0, length)) {
      this.giveUp();
      return end;
    }
    messages.push({
      protocol,
      view: this.#view(),
      at: skip,
      end: length,
      announcedEnd: length,
      spans: true,
      goesOn: false,
    });
    this.#counts.spanned++;
    this.#release();
    return next;
  }

  /** Reads the message that begins at `at`; where the next one begins. */
  #read(view: DataView, at: number, end: number, cut: boolean, messages: Message[]): number {
    const { protocol, prefix, telling, skip, lengthAt, begins } = this.#framing;
    const length = end - at < prefix ? prefix : lengthAt(view, at);
    if (length < 0 || (end - at >= telling && !begins(view, at, end))) {
      this.giveUp();
      return end;
    }
    const announcedEnd = at + length;
    const goesOn = announcedEnd > end;
    const next = goesOn ? end : announcedEnd;
    if (next > at + skip) {
      messages.push({ protocol, view, at: at + skip, end: next, announcedEnd, spans: false, goesOn: goesOn && !cut });
    }
    if (goesOn) this.#hold(view, at, end);
    return next;
  }

  #view(): DataView {
    return new DataView(this.#buffer.buffer, 0, this.#held);
  }

  /** Keeps octets; where they end. */
  #hold(view: DataView, at: number, end: number): number {
    const needed = this.#held + end - at;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(LEAST_BUFFER, needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = larger;
    }
    this.#buffer.set(new Uint8Array(view.buffer, view.byteOffset + at, end - at), this.#held);
    this.#held = needed;
    return end;
  }

  #release(): void {
    this.#held = 0;
    this.#buffer = NOTHING;
  }
}
