import { diagnose } from '../../src/diagnose.js';
import type { Finding, Report } from '../../src/report/report.js';
import { writePcap } from '../support/capture-writer.js';
import { ethernet, ipv4, join, tcp, timestampOptions, type Part } from '../support/packets.js';

/** A packet at a moment, seconds after the beginning. */
export type Timed = readonly [time: number, packet: Part];

const BASE = 1_700_000_000;

/** Octets of a capture of bare IPv4 packets on Ethernet. */
export function capture(packets: readonly Timed[]): Uint8Array {
  return writePcap(
    packets.map(([time, packet]) => ({
      seconds: BASE + Math.floor(time),
      nanoseconds: Math.round((time % 1) * 1e6) * 1000,
      octets: ethernet({}, packet),
    })),
  );
}

export async function reportOf(points: Readonly<Record<string, readonly Timed[]>>): Promise<Report> {
  return diagnose(Object.entries(points).map(([point, packets]) => ({ point, source: capture(packets) })));
}

export async function findingsOf(points: Readonly<Record<string, readonly Timed[]>>): Promise<readonly Finding[]> {
  return (await reportOf(points)).findings;
}

export function kinds(findings: readonly Finding[]): string[] {
  return findings.map(({ kind }) => kind);
}

export const SYN = 0x02;
export const FIN = 0x11;
export const RST = 0x14;
export const SYN_ACK = 0x12;
export const ACK = 0x10;
export const PUSH = 0x18;

export interface ConnectionOptions {
  readonly client?: string;
  readonly server?: string;
  readonly port?: number;
  readonly start?: number;
  readonly clientTtl?: number;
  readonly serverTtl?: number;
  /** Options of SYN and SYN,ACK. */
  readonly clientOptions?: Uint8Array;
  readonly serverOptions?: Uint8Array;
}

/** A TCP connection written segment by segment, as one point sees it. */
export class Connection {
  readonly packets: Timed[] = [];
  readonly client: string;
  readonly server: string;
  readonly port: number;
  readonly #options: ConnectionOptions;
  #time: number;
  #id = 1;
  #seqs = { client: 1000, server: 5000 };

  constructor(options: ConnectionOptions = {}) {
    this.client = options.client ?? '10.0.0.1';
    this.server = options.server ?? '10.0.0.2';
    this.port = options.port ?? 40_000;
    this.#options = options;
    this.#time = options.start ?? 0;
    this.#seqs = { client: 1000 + this.port, server: 5000 + this.port };
  }

  after(seconds: number): this {
    this.#time += seconds;
    return this;
  }

  /** Anything that is not this connection's. */
  other(packet: Part): this {
    this.packets.push([this.#time, packet]);
    this.#time += 0.0001;
    return this;
  }

  segment(
    from: 'client' | 'server',
    flags: number,
    payload: Uint8Array = new Uint8Array(0),
    fields: {
      readonly ttl?: number;
      readonly id?: number;
      readonly options?: Uint8Array;
      readonly window?: number;
    } = {},
  ): this {
    const fromClient = from === 'client';
    const ttl = fromClient ? (this.#options.clientTtl ?? 64) : (this.#options.serverTtl ?? 64);
    const to = fromClient ? 'server' : 'client';
    const segment = tcp(
      {
        srcPort: fromClient ? this.port : 179,
        dstPort: fromClient ? 179 : this.port,
        seq: this.#seqs[from],
        ack: flags === SYN ? 0 : this.#seqs[to],
        flags,
        window: fields.window ?? 500,
        options: fields.options ?? timestampOptions(1, 1),
      },
      payload,
    );
    this.#seqs[from] += payload.length + ((flags & 3) !== 0 ? 1 : 0);
    return this.other(
      ipv4(
        {
          src: fromClient ? this.client : this.server,
          dst: fromClient ? this.server : this.client,
          id: fields.id ?? this.#id++,
          ttl: fields.ttl ?? ttl,
          df: true,
        },
        segment,
      ),
    );
  }

  /** A SYN again and again, a second apart. */
  syns(count: number): this {
    for (let i = 0; i < count; i++) {
      if (i > 0) {
        this.#seqs.client -= 1;
        this.after(1);
      }
      this.segment('client', SYN, undefined, { options: this.#options.clientOptions ?? timestampOptions(1, 0) });
    }
    return this;
  }

  handshake(): this {
    this.segment('client', SYN, undefined, { options: this.#options.clientOptions ?? timestampOptions(1, 0) });
    this.segment('server', SYN_ACK, undefined, {
      options: this.#options.serverOptions ?? timestampOptions(1, 1),
      id: 0,
    });
    return this.segment('client', ACK);
  }

  send(from: 'client' | 'server', ...messages: readonly Uint8Array[]): this {
    this.segment(from, PUSH, join(...messages));
    return this.segment(from === 'client' ? 'server' : 'client', ACK);
  }

  /** OPEN and KEEPALIVE both ways. */
  establish(hold = 90): this {
    this.send('client', open({ as: 64512, hold, identifier: [10, 0, 0, 1] }));
    this.send('server', open({ as: 64513, hold, identifier: [10, 0, 0, 2] }), keepalive());
    return this.send('client', keepalive());
  }
}

function message(type: number, body: readonly number[]): Uint8Array {
  const length = 19 + body.length;
  return Uint8Array.from([...new Array<number>(16).fill(0xff), length >> 8, length & 0xff, type, ...body]);
}

function u16(value: number): number[] {
  return [value >> 8, value & 0xff];
}

/** RFC 4271 section 4.2; with the capability of RFC 6793 where `as4` is given. */
export function open(fields: {
  readonly as: number;
  readonly hold?: number;
  readonly identifier: readonly number[];
  readonly as4?: number;
  /** Sends and receives path identifiers of IPv4 unicast (RFC 7911). */
  readonly addPath?: boolean;
}): Uint8Array {
  const { as, hold = 90, identifier, as4, addPath = false } = fields;
  const capability = [
    ...(as4 === undefined ? [] : [2, 6, 65, 4, as4 >>> 24, (as4 >>> 16) & 0xff, (as4 >>> 8) & 0xff, as4 & 0xff]),
    ...(addPath ? [2, 6, 69, 4, 0, 1, 1, 3] : []),
  ];
  return message(1, [4, ...u16(as), ...u16(hold), ...identifier, capability.length, ...capability]);
}

export function keepalive(): Uint8Array {
  return message(4, []);
}

/** An UPDATE whose only content is a withdrawn route. */
export function update(octets = 0): Uint8Array {
  const prefixes = new Array<number>(Math.ceil(octets / 4)).fill(0).flatMap((_, i) => [24, 10, i >> 8, i & 0xff]);
  return message(2, [...u16(prefixes.length), ...prefixes, 0, 0]);
}

export function notification(code: number, subcode: number, data: readonly number[] = []): Uint8Array {
  return message(3, [code, subcode, ...data]);
}
