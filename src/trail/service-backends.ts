import type { BackendFailure, Verdict } from '../report/report.js';
import type { Exchange } from './exchange.js';
import type { Backend } from './exchange-store.js';
import { noVerdicts, serverKey } from './flows.js';
import type { Outcome } from './verdict.js';

/** Service addresses told apart, and backends of one. What no longer fits is refused and counted. */
const SERVICES = 1 << 12;
const BACKENDS = 1 << 10;
/** Fewer failures than these are a packet lost now and then. */
const FEW = 2;

/** One of the addresses that a service address was translated to, and what became of the exchanges that were sent there. */
export interface BackendCount {
  readonly address: number;
  readonly port: number;
  exchanges: number;
  readonly verdicts: Record<Verdict, number>;
  /** Connections that it reset after they were open. */
  reset: number;
  /** Of its exchanges without an answer those that surely had none: lost, arrived, or asked once more. */
  failed: number;
}

export interface Service {
  readonly protocol: 'tcp' | 'udp';
  readonly address: number;
  readonly port: number;
  readonly backends: readonly BackendCount[];
}

/** What each service address was translated to, exchange by exchange, where packets show the translation. */
export class ServiceBackends {
  readonly #services = new Map<string, { readonly service: Service; readonly backends: Map<string, BackendCount> }>();
  refused = 0;

  get all(): Service[] {
    return [...this.#services.values()].map(({ service, backends }) => ({
      ...service,
      backends: [...backends.values()],
    }));
  }

  /** Counts an exchange once. `isOpen`: the captures end before an answer was due. */
  count(exchange: Exchange, { verdict, request }: Outcome, isOpen: boolean): void {
    const { backends } = exchange;
    if (backends.length === 0) return;
    // Of an answer that takes a way without captures, what the client says next tells
    const mayCome = isOpen || exchange.ackByClientSeen;
    for (const backend of backends) {
      const count = this.#countOf(exchange, backend);
      if (count === null) continue;
      const own = backends.length === 1 ? verdict : backend.replies > 0 ? 'answered' : withoutReply(verdict);
      const told = own === 'unanswered' && mayCome ? 'unknown' : own;
      count.exchanges++;
      count.verdicts[told]++;
      if (told === 'answered' && backend.resets > 0) count.reset++;
      if (told === 'request-lost' || told === 'reply-lost') count.failed++;
      else if (told === 'unanswered' && request?.state === 'delivered') count.failed++;
      else if (told !== 'refused' && told !== 'answered' && backend.replies === 0) {
        if (!mayCome && exchange.replies === 0 && isAskedAgain(exchange)) count.failed++;
      }
    }
  }

  #countOf(exchange: Exchange, { address, port }: Backend): BackendCount | null {
    const protocol = exchange.protocol === 'tcp' ? 'tcp' : 'udp';
    const key = `${protocol} ${exchange.server} ${exchange.serverPort}`;
    let entry = this.#services.get(key);
    if (entry === undefined) {
      if (this.#services.size >= SERVICES) return this.#refuse();
      const service = { protocol, address: exchange.server, port: exchange.serverPort, backends: [] } as const;
      this.#services.set(key, (entry = { service, backends: new Map() }));
    }
    const name = `${address} ${port}`;
    let count = entry.backends.get(name);
    if (count === undefined) {
      if (entry.backends.size >= BACKENDS) return this.#refuse();
      count = { address, port, exchanges: 0, verdicts: noVerdicts(), reset: 0, failed: 0 };
      entry.backends.set(name, count);
    }
    return count;
  }

  #refuse(): null {
    this.refused++;
    return null;
  }
}

/** Exchanges with a service, those included of which no capture shows where they were sent. `servers`: see FlowTable.countServers. */
export function exchangesWith({ protocol, address, port }: Service, servers: ReadonlyMap<number, number>): number {
  const protocols = protocol === 'tcp' ? (['tcp'] as const) : (['udp', 'dns'] as const);
  return protocols.reduce((sum: number, each) => sum + (servers.get(serverKey(each, address, port)) ?? 0), 0);
}

/** How each backend fails while others of its service answer, in their order. */
export function failuresOf({ backends }: Service): (BackendFailure | null)[] {
  const failures = backends.map(failureOf);
  const healthy = backends.filter((backend, i) => failures[i] === null && isHealthy(backend));
  return healthy.length === 0 ? failures.map(() => null) : failures;
}

/** Sent to several backends, and answered by another one. */
function withoutReply(verdict: Verdict): Verdict {
  return verdict === 'answered' ? 'unanswered' : verdict;
}

/** A client that has its answer does not ask the same again. */
function isAskedAgain({ protocol, requests, backends }: Exchange): boolean {
  return protocol !== 'udp' && (requests > 1 || backends.length > 1);
}

function failureOf({ verdicts, failed, reset }: BackendCount): BackendFailure | null {
  const { answered, refused } = verdicts;
  const wrong = failed + refused + reset;
  if (wrong < FEW || wrong * 2 < failed + refused + answered) return null;
  return failed >= refused && failed >= reset ? 'unanswered' : refused >= reset ? 'refused' : 'reset';
}

/** Most of what was asked of it was answered and not reset. */
function isHealthy({ verdicts, failed, reset }: BackendCount): boolean {
  const well = verdicts.answered - reset;
  return well > 0 && (failed + verdicts.refused + reset) * 5 <= well + failed + verdicts.refused + reset;
}
