import { doubled } from '../net/doubled.js';
import { PairIndex } from '../net/pair-index.js';
import type { ExchangeProtocol, FlowReport, Verdict } from '../report/report.js';
import type { Exchange } from './exchange.js';
import { PROTOCOLS } from './exchange-store.js';
import type { Paths } from './paths.js';
import type { Names } from './rows.js';

/** Most flows told apart; exchanges of further ones are counted with the flow of the last number. */
const LIMIT = 1 << 16;

/** Fields of a flow, int32; behind them its exchanges by verdict. */
const PROTOCOL = 0;
const CLIENT = 1;
const SERVER = 2;
const SERVER_PORT = 3;
/** -1 where there is none, or where there are several. */
const CLIENT_PORT = 4;
const VERDICTS = 5;
const VERDICT_NAMES = ['answered', 'request-lost', 'reply-lost', 'unanswered', 'refused', 'unknown'] as const;
const WIDTH = VERDICTS + VERDICT_NAMES.length;

/** Exchanges counted by client, server, protocol and service. */
export class FlowTable {
  readonly #ends = new PairIndex(LIMIT);
  /** By the number of the two ends, protocol and port. */
  readonly #index = new PairIndex(LIMIT);
  /** Exchanges with each server, by its address, protocol and port. */
  readonly #servers = new PairIndex(LIMIT);
  readonly #exchangesWith: number[] = [];
  /** Flows in rows: as objects 65,000 of them took 8 MiB more. */
  #rows: Int32Array<ArrayBuffer> = new Int32Array(WIDTH << 6);
  #count = 0;
  /** Points that a request passed which was translated on its way, by flow. */
  readonly #ways: (readonly number[] | undefined)[] = [];
  readonly verdicts: Record<Verdict, number> = noVerdicts();
  exchanges = 0;
  /** Exchanges of flows that no longer fitted. */
  evicted = 0;

  /** Index of an exchange's flow; -1 when it has none, or no longer fitted. */
  find({ client, server, protocol, serverPort }: Exchange): number {
    const ends = this.#ends.find(client, server);
    return ends < 0 ? -1 : this.#index.find(ends, serviceOf(protocol, serverPort));
  }

  #indexOf({ protocol, client, server, clientPort, serverPort }: Exchange): number {
    const ends = this.#ends.get(client, server);
    const index = ends < 0 ? -1 : this.#index.get(ends, serviceOf(protocol, serverPort));
    if (index === this.#count) {
      const row = this.#count++ * WIDTH;
      if (row === this.#rows.length) this.#rows = doubled(this.#rows);
      this.#rows[row + PROTOCOL] = PROTOCOLS.indexOf(protocol);
      this.#rows[row + CLIENT] = client;
      this.#rows[row + SERVER] = server;
      this.#rows[row + SERVER_PORT] = serverPort;
      this.#rows[row + CLIENT_PORT] = clientPort;
    }
    return index;
  }

  /** Counts an exchange once; returns the index of its flow, -1 when that no longer fits. */
  count(exchange: Exchange, verdict: Verdict): number {
    this.exchanges++;
    this.verdicts[verdict]++;
    const index = this.#indexOf(exchange);
    if (index < 0) {
      this.evicted++;
      return -1;
    }
    const { protocol, server, serverPort, clientPort, requestWay } = exchange;
    const its = this.#servers.get(server, serviceOf(protocol, serverPort));
    this.#exchangesWith[its] = (this.#exchangesWith[its] ?? 0) + 1;
    const row = index * WIDTH;
    this.#rows[row + VERDICTS + VERDICT_NAMES.indexOf(verdict)]!++;
    if (requestWay.length > 0) {
      while (this.#ways.length <= index) this.#ways.push(undefined);
      if (requestWay.length > (this.#ways[index]?.length ?? 0)) this.#ways[index] = requestWay;
    }
    if (this.#rows[row + CLIENT_PORT] !== clientPort) this.#rows[row + CLIENT_PORT] = -1;
    return index;
  }

  protocolOf(index: number): ExchangeProtocol | undefined {
    return PROTOCOLS[this.#rows[index * WIDTH + PROTOCOL]!];
  }

  /** Exchanges of a flow. */
  exchangesOf(index: number): number {
    if (index < 0) return 0;
    let sum = 0;
    for (let at = index * WIDTH + VERDICTS; at < (index + 1) * WIDTH; at++) sum += this.#rows[at]!;
    return sum;
  }

  /** Exchanges of all clients with a server. */
  exchangesWith(protocol: ExchangeProtocol, server: number, serverPort: number): number {
    return this.#exchangesWith[this.#servers.find(server, serviceOf(protocol, serverPort))] ?? 0;
  }

  reports(names: Names, paths: Paths): FlowReport[] {
    // Texts and lists are shared: there are more flows than addresses and ways
    const textOf = cached((address: number) => names.addresses.text(address));
    const namesOf = cached((points: readonly number[]) => points.map((point) => names.points[point]!.name));
    const rows = this.#rows;
    const reports: FlowReport[] = [];
    for (let index = 0; index < this.#count; index++) {
      const row = index * WIDTH;
      const client = rows[row + CLIENT]!;
      const server = rows[row + SERVER]!;
      const serverPort = rows[row + SERVER_PORT]!;
      const clientPort = rows[row + CLIENT_PORT]!;
      const verdicts = noVerdicts();
      for (let i = 0; i < VERDICT_NAMES.length; i++) verdicts[VERDICT_NAMES[i]!] = rows[row + VERDICTS + i]!;
      reports.push({
        protocol: PROTOCOLS[rows[row + PROTOCOL]!]!,
        client: textOf(client),
        clientPort: clientPort < 0 ? null : clientPort,
        server: textOf(server),
        serverPort: serverPort < 0 ? null : serverPort,
        exchanges: this.exchangesOf(index),
        verdicts,
        path: namesOf(this.#ways[index] ?? paths.of(client, server).points),
      });
    }
    return reports;
  }
}

/** A function that remembers what it returned. */
function cached<K, V>(make: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = make(key)));
    return value;
  };
}

/** Protocol and port in one number. */
function serviceOf(protocol: ExchangeProtocol, port: number): number {
  return ((port + 1) << 2) | PROTOCOLS.indexOf(protocol);
}

export function noVerdicts(): Record<Verdict, number> {
  return { answered: 0, 'request-lost': 0, 'reply-lost': 0, unanswered: 0, refused: 0, unknown: 0 };
}
