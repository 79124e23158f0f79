import type { ExchangeProtocol, FlowReport, Verdict } from '../report/report.js';
import type { Exchange } from './exchange.js';
import type { Paths } from './paths.js';
import type { Names } from './rows.js';

/** Most flows told apart; exchanges of further ones are counted with the flow of the last number. */
const LIMIT = 1 << 16;

interface Flow {
  readonly protocol: ExchangeProtocol;
  readonly client: number;
  readonly server: number;
  readonly serverPort: number;
  readonly clientPorts: Set<number>;
  /** Points that a request passed which was translated on its way; empty where none was. */
  way: readonly number[];
  exchanges: number;
  readonly verdicts: Record<Verdict, number>;
}

/** Exchanges counted by client, server, protocol and service. */
export class FlowTable {
  readonly #index = new Map<string, number>();
  readonly #flows: Flow[] = [];
  readonly verdicts: Record<Verdict, number> = noVerdicts();
  exchanges = 0;
  /** Exchanges of flows that no longer fitted. */
  evicted = 0;

  /** Index of an exchange's flow; -1 when it no longer fits. */
  indexOf(exchange: Exchange): number {
    const key = `${exchange.protocol} ${exchange.client} ${exchange.server} ${exchange.serverPort}`;
    let index = this.#index.get(key);
    if (index === undefined) {
      if (this.#flows.length >= LIMIT) return -1;
      index = this.#flows.length;
      this.#index.set(key, index);
      const { protocol, client, server, serverPort } = exchange;
      this.#flows.push({
        protocol,
        client,
        server,
        serverPort,
        clientPorts: new Set(),
        way: [],
        exchanges: 0,
        verdicts: noVerdicts(),
      });
    }
    return index;
  }

  /** Counts an exchange once. */
  count(exchange: Exchange, verdict: Verdict): void {
    this.exchanges++;
    this.verdicts[verdict]++;
    const flow = this.#flows[this.indexOf(exchange)];
    if (flow === undefined) {
      this.evicted++;
      return;
    }
    flow.exchanges++;
    flow.verdicts[verdict]++;
    if (exchange.requestWay.length > flow.way.length) flow.way = exchange.requestWay;
    if (flow.clientPorts.size < 2) flow.clientPorts.add(exchange.clientPort);
  }

  /** Exchanges of a flow. */
  exchangesOf(index: number): number {
    return this.#flows[index]?.exchanges ?? 0;
  }

  /** Exchanges of all clients with a server. */
  exchangesWith(protocol: string, server: number, serverPort: number): number {
    return this.#flows.reduce(
      (sum, flow) =>
        flow.protocol === protocol && flow.server === server && flow.serverPort === serverPort
          ? sum + flow.exchanges
          : sum,
      0,
    );
  }

  reports(names: Names, paths: Paths): FlowReport[] {
    return this.#flows.map(({ protocol, client, server, serverPort, clientPorts, way, exchanges, verdicts }) => {
      const [clientPort] = clientPorts;
      return {
        protocol,
        client: names.addresses.text(client),
        clientPort: clientPorts.size === 1 && clientPort !== undefined && clientPort >= 0 ? clientPort : null,
        server: names.addresses.text(server),
        serverPort: serverPort < 0 ? null : serverPort,
        exchanges,
        verdicts,
        path: (way.length > 0 ? way : paths.of(client, server).points).map((point) => names.points[point]!.name),
      };
    });
  }
}

export function noVerdicts(): Record<Verdict, number> {
  return { answered: 0, 'request-lost': 0, 'reply-lost': 0, unanswered: 0, refused: 0, unknown: 0 };
}
