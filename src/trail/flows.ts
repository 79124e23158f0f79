import { ADDRESS_BITS } from '../net/address-table.js';
import { PairIndex } from '../net/pair-index.js';
import type { ExchangeProtocol, FlowReport, Verdict } from '../report/report.js';
import type { Exchange } from './exchange.js';
import { PROTOCOLS } from './exchange-store.js';
import type { Paths } from './paths.js';
import type { Names } from './rows.js';

/** Most flows told apart; exchanges of further ones are counted with the flow of the last number. */
const LIMIT = 1 << 16;

/** Two keys find a flow: the first is the client and the low bits of the server, the second the high ones and the service. */
const ADDRESS = (1 << ADDRESS_BITS) - 1;
const LOW_BITS = 32 - ADDRESS_BITS;
const HIGH_BITS = ADDRESS_BITS - LOW_BITS;
const HIGH = (1 << HIGH_BITS) - 1;
/** A service is a protocol, by its place in PROTOCOLS, and above it a port + 1. */
const PROTOCOL_BITS = 2;
const PROTOCOL = (1 << PROTOCOL_BITS) - 1;
const SERVICES = 1 << 19;

/** Behind the keys, int32: the client's port, -1 where there is none, or where there are several; then exchanges by verdict. */
const CLIENT_PORT = 2;
const VERDICTS = 3;
const VERDICT_NAMES = ['answered', 'request-lost', 'reply-lost', 'unanswered', 'refused', 'unknown'] as const;
const WIDTH = VERDICTS + VERDICT_NAMES.length;

/** Exchanges of a flow below which its counts by verdict fit in one number. */
const FEW = 64;

/** Exchanges counted by client, server, protocol and service. */
export class FlowTable {
  /** Flows in rows: as objects 65,000 of them took 8 MiB more. */
  readonly #index = new PairIndex(LIMIT, 1 << 6, WIDTH);
  /** Points that a request passed which was translated on its way, by flow. */
  readonly #ways: (readonly number[] | undefined)[] = [];
  readonly verdicts: Record<Verdict, number> = noVerdicts();
  exchanges = 0;
  /** Exchanges of flows that no longer fitted. */
  evicted = 0;

  /** Index of an exchange's flow; -1 when it has none, or no longer fitted. */
  find({ client, server, protocol, serverPort }: Exchange): number {
    const service = serviceOf(protocol, serverPort);
    return this.#index.find(firstKey(client, server), secondKey(server, service));
  }

  /** Counts an exchange once; returns the index of its flow, -1 when that no longer fits. */
  count(exchange: Exchange, verdict: Verdict): number {
    this.exchanges++;
    this.verdicts[verdict]++;
    const { protocol, client, server, clientPort, serverPort, requestWay } = exchange;
    const known = this.#index.size;
    const index = this.#index.get(firstKey(client, server), secondKey(server, serviceOf(protocol, serverPort)));
    if (index < 0) {
      this.evicted++;
      return -1;
    }
    const { rows } = this.#index;
    const row = index * WIDTH;
    if (index === known) rows[row + CLIENT_PORT] = clientPort;
    else if (rows[row + CLIENT_PORT] !== clientPort) rows[row + CLIENT_PORT] = -1;
    rows[row + VERDICTS + VERDICT_NAMES.indexOf(verdict)]!++;
    if (requestWay.length > 0) {
      while (this.#ways.length <= index) this.#ways.push(undefined);
      if (requestWay.length > (this.#ways[index]?.length ?? 0)) this.#ways[index] = requestWay;
    }
    return index;
  }

  protocolOf(index: number): ExchangeProtocol {
    return PROTOCOLS[this.#serviceAt(index) & PROTOCOL]!;
  }

  /** Exchanges of a flow; of -1 those of all that no longer fitted. */
  exchangesOf(index: number): number {
    if (index < 0) return this.evicted;
    const { rows } = this.#index;
    let sum = 0;
    for (let at = index * WIDTH + VERDICTS; at < (index + 1) * WIDTH; at++) sum += rows[at]!;
    return sum;
  }

  /** Exchanges of all clients with each server, by serverKey. */
  countServers(): Map<number, number> {
    const servers = new Map<number, number>();
    for (let index = 0; index < this.#index.size; index++) {
      const key = this.#serverAt(index) * SERVICES + this.#serviceAt(index);
      servers.set(key, (servers.get(key) ?? 0) + this.exchangesOf(index));
    }
    return servers;
  }

  #clientAt(index: number): number {
    return this.#index.first(index) & ADDRESS;
  }

  #serverAt(index: number): number {
    return (this.#index.first(index) >>> ADDRESS_BITS) | ((this.#index.second(index) & HIGH) << LOW_BITS);
  }

  #serviceAt(index: number): number {
    return this.#index.second(index) >>> HIGH_BITS;
  }

  #verdictsOf(index: number): Record<Verdict, number> {
    const { rows } = this.#index;
    const verdicts = noVerdicts();
    for (let i = 0; i < VERDICT_NAMES.length; i++) verdicts[VERDICT_NAMES[i]!] = rows[index * WIDTH + VERDICTS + i]!;
    return verdicts;
  }

  /** Counts of a flow's exchanges by verdict in one number; null of a flow of many. */
  #verdictsKey(index: number): number | null {
    if (this.exchangesOf(index) >= FEW) return null;
    const { rows } = this.#index;
    let key = 0;
    for (let at = index * WIDTH + VERDICTS; at < (index + 1) * WIDTH; at++) key = key * FEW + rows[at]!;
    return key;
  }

  reports(names: Names, paths: Paths): FlowReport[] {
    // Texts, lists and counts are shared: there are more flows than addresses, ways and outcomes
    const textOf = cached((address: number) => names.addresses.text(address));
    const namesOf = cached((points: readonly number[]) => points.map((point) => names.points[point]!.name));
    const { rows } = this.#index;
    const alike = new Map<number, Record<Verdict, number>>();
    const verdictsOf = (index: number): Record<Verdict, number> => {
      const key = this.#verdictsKey(index);
      const verdicts = (key === null ? undefined : alike.get(key)) ?? this.#verdictsOf(index);
      if (key !== null) alike.set(key, verdicts);
      return verdicts;
    };
    const reports: FlowReport[] = [];
    for (let index = 0; index < this.#index.size; index++) {
      const row = index * WIDTH;
      const client = this.#clientAt(index);
      const server = this.#serverAt(index);
      const serverPort = (this.#serviceAt(index) >> PROTOCOL_BITS) - 1;
      const clientPort = rows[row + CLIENT_PORT]!;
      reports.push({
        protocol: this.protocolOf(index),
        client: textOf(client),
        clientPort: clientPort < 0 ? null : clientPort,
        server: textOf(server),
        serverPort: serverPort < 0 ? null : serverPort,
        exchanges: this.exchangesOf(index),
        verdicts: verdictsOf(index),
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

function firstKey(client: number, server: number): number {
  return client | (server << ADDRESS_BITS);
}

function secondKey(server: number, service: number): number {
  return (server >>> LOW_BITS) | (service << HIGH_BITS);
}

/** Protocol and port in one number. */
function serviceOf(protocol: ExchangeProtocol, port: number): number {
  return ((port + 1) << PROTOCOL_BITS) | PROTOCOLS.indexOf(protocol);
}

/** Address, protocol and port of a server in one number. */
export function serverKey(protocol: ExchangeProtocol, server: number, port: number): number {
  return server * SERVICES + serviceOf(protocol, port);
}

export function noVerdicts(): Record<Verdict, number> {
  return { answered: 0, 'request-lost': 0, 'reply-lost': 0, unanswered: 0, refused: 0, unknown: 0 };
}
