import { PairIndex } from '../net/pair-index.js';
import type { ExchangeProtocol, FlowReport, Verdict } from '../report/report.js';
import type { Exchange } from './exchange.js';
import { NONE, PROTOCOLS } from './exchange-store.js';
import type { Paths } from './paths.js';
import type { Names } from './rows.js';

/** Most flows told apart; exchanges of further ones are counted with the flow of the last number. */
const LIMIT = 1 << 16;

interface Flow {
  readonly protocol: ExchangeProtocol;
  readonly client: number;
  readonly server: number;
  readonly serverPort: number;
  /** -1 where there is none, or where there are several. */
  clientPort: number;
  /** Points that a request passed which was translated on its way; empty where none was. */
  way: readonly number[];
  exchanges: number;
  readonly verdicts: Record<Verdict, number>;
}

/** Exchanges counted by client, server, protocol and service. */
export class FlowTable {
  readonly #ends = new PairIndex(LIMIT);
  /** By the number of the two ends, protocol and port. */
  readonly #index = new PairIndex(LIMIT);
  /** Exchanges with each server, by its address, protocol and port. */
  readonly #servers = new PairIndex(LIMIT);
  readonly #exchangesWith: number[] = [];
  readonly #flows: Flow[] = [];
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
    if (index === this.#flows.length) {
      this.#flows.push({
        protocol,
        client,
        server,
        serverPort,
        clientPort,
        way: NONE,
        exchanges: 0,
        verdicts: noVerdicts(),
      });
    }
    return index;
  }

  /** Counts an exchange once; returns the index of its flow, -1 when that no longer fits. */
  count(exchange: Exchange, verdict: Verdict): number {
    this.exchanges++;
    this.verdicts[verdict]++;
    const index = this.#indexOf(exchange);
    const flow = this.#flows[index];
    if (flow === undefined) {
      this.evicted++;
      return -1;
    }
    const { protocol, server, serverPort, clientPort, requestWay } = exchange;
    const its = this.#servers.get(server, serviceOf(protocol, serverPort));
    this.#exchangesWith[its] = (this.#exchangesWith[its] ?? 0) + 1;
    flow.exchanges++;
    flow.verdicts[verdict]++;
    if (requestWay.length > flow.way.length) flow.way = requestWay;
    if (flow.clientPort !== clientPort) flow.clientPort = -1;
    return index;
  }

  /** Exchanges of a flow. */
  exchangesOf(index: number): number {
    return this.#flows[index]?.exchanges ?? 0;
  }

  /** Exchanges of all clients with a server. */
  exchangesWith(protocol: ExchangeProtocol, server: number, serverPort: number): number {
    return this.#exchangesWith[this.#servers.find(server, serviceOf(protocol, serverPort))] ?? 0;
  }

  reports(names: Names, paths: Paths): FlowReport[] {
    // One list for all flows that have it: there are more flows than ways
    const named = new Map<readonly number[], readonly string[]>();
    const namesOf = (points: readonly number[]): readonly string[] => {
      let list = named.get(points);
      if (list === undefined) named.set(points, (list = points.map((point) => names.points[point]!.name)));
      return list;
    };
    return this.#flows.map(({ protocol, client, server, serverPort, clientPort, way, exchanges, verdicts }) => {
      return {
        protocol,
        client: names.addresses.text(client),
        clientPort: clientPort < 0 ? null : clientPort,
        server: names.addresses.text(server),
        serverPort: serverPort < 0 ? null : serverPort,
        exchanges,
        verdicts,
        path: namesOf(way.length > 0 ? way : paths.of(client, server).points),
      };
    });
  }
}

/** Protocol and port in one number. */
function serviceOf(protocol: ExchangeProtocol, port: number): number {
  return ((port + 1) << 2) | PROTOCOLS.indexOf(protocol);
}

export function noVerdicts(): Record<Verdict, number> {
  return { answered: 0, 'request-lost': 0, 'reply-lost': 0, unanswered: 0, refused: 0, unknown: 0 };
}
