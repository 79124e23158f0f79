import type { BackendFailure, FailingBackends, Finding } from '../report/report.js';
import type { Exchange } from '../trail/exchange.js';
import { endText } from '../trail/rows.js';
import { failuresOf, type BackendCount, type Service } from '../trail/service-backends.js';
import { onNodeOf } from './commands.js';
import type { FindingContext, Judged } from './context.js';

/** Findings that say where packets were lost; of their flow only the exchanges that were lost there count. */
const LOSSES = new Set(['request-lost', 'reply-lost']);

interface Failing {
  readonly service: Service;
  readonly backend: BackendCount;
  readonly how: BackendFailure;
}

/** The findings, with the backends named that fail while others of the same service answer, and those that no finding names. */
export function withBackends(context: FindingContext, findings: readonly Finding[]): Finding[] {
  const failing = failingOf(context.services);
  if (failing.length === 0) return [...findings];
  const told = new Set<Failing>();
  const named = findings.map((finding): Finding => {
    const its = failingIn(context, finding, failing);
    if (its.length === 0) return finding;
    for (const each of its) if (finding.severity !== 'info') told.add(each);
    return { ...finding, backends: describe(context, its) };
  });
  const rest = failing.filter((each) => each.how === 'unanswered' && !told.has(each));
  return [...named, ...rest.flatMap((each) => findingOf(context, each))];
}

function failingOf(services: readonly Service[]): Failing[] {
  return services.flatMap((service) => {
    const failures = failuresOf(service);
    return service.backends.flatMap((backend, i) => {
      const how = failures[i]!;
      return how === null ? [] : [{ service, backend, how }];
    });
  });
}

/** Those that took every exchange that the finding is about. */
function failingIn(context: FindingContext, finding: Finding, failing: readonly Failing[]): Failing[] {
  const isPlaced = LOSSES.has(finding.kind);
  if (finding.kind === 'partial-loss' || (finding.flow === null && !isPlaced)) return [];
  const { points } = context.names;
  const about = context.exchanges.filter(({ exchange, outcome, flow }) => {
    if (finding.flow !== null && flow !== finding.flow) return false;
    if (!isPlaced) return isBad({ exchange, outcome, flow });
    const side = outcome.verdict === 'request-lost' ? outcome.request : outcome.reply;
    if (outcome.verdict !== finding.kind || side === null || side.nextExpected === null) return false;
    const [last, next] = [points[side.lastSeen]!.name, points[side.nextExpected]!.name];
    return last === finding.lastSeen?.point && next === finding.nextExpected;
  });
  const found = new Set<Failing>();
  for (const { exchange } of about) {
    const its = exchange.backends.map(({ address, port }) =>
      failing.find(
        ({ service, backend }) => isWith(exchange, service) && backend.address === address && backend.port === port,
      ),
    );
    if (its.length === 0 || its.includes(undefined)) return [];
    for (const each of its) found.add(each!);
  }
  return new Set([...found].map(({ service }) => service)).size === 1 ? [...found] : [];
}

function isBad({ exchange, outcome: { verdict } }: Judged): boolean {
  if (verdict === 'answered') return exchange.backends.some(({ resets }) => resets > 0);
  return verdict !== 'unknown';
}

function isWith({ protocol, server, serverPort }: Exchange, service: Service): boolean {
  return (
    server === service.address && serverPort === service.port && (protocol === 'tcp') === (service.protocol === 'tcp')
  );
}

function describe(context: FindingContext, failing: readonly Failing[]): FailingBackends {
  const [{ service, how }] = failing as [Failing, ...Failing[]];
  const { names } = context;
  const sum = (backends: readonly BackendCount[]): number =>
    backends.reduce((all, { exchanges }) => all + exchanges, 0);
  return {
    service: `${endText(names, service.address, service.port)}/${service.protocol}`,
    failing: failing.map(({ backend }) => endText(names, backend.address, backend.port)).sort(),
    how,
    of: service.backends.length,
    exchanges: sum(failing.map(({ backend }) => backend)),
    ofExchanges: sum(service.backends),
  };
}

/** A backend of which no answer was seen, told by what its siblings do: where its packets end, the captures do not show. */
function findingOf(context: FindingContext, failing: Failing): Finding[] {
  const { service, backend } = failing;
  const its = context.exchanges.filter(
    ({ exchange }) =>
      isWith(exchange, service) &&
      exchange.replies === 0 &&
      exchange.backends.some(({ address, port }) => address === backend.address && port === backend.port),
  );
  const [first] = its;
  if (first === undefined) return [];
  const backends = describe(context, [failing]);
  const text = backends.failing[0]!;
  const flows = new Set(its.map(({ flow }) => flow));
  const address = context.names.addresses.text(backend.address);
  return [
    {
      kind: 'unanswered',
      severity: backend.exchanges * 2 < backends.ofExchanges ? 'warning' : 'error',
      certainty: 'likely',
      title: `${its.length} of ${backend.exchanges} requests to ${backends.service} that were sent to ${text} have no answer in the captures; its other backends answer`,
      flow: flows.size === 1 && first.flow >= 0 ? first.flow : null,
      count: its.length,
      of: backend.exchanges,
      firstTime: context.timeOf(its.reduce((least, { exchange }) => Math.min(least, exchange.firstTime), Infinity)),
      lastTime: context.timeOf(its.reduce((most, { exchange }) => Math.max(most, exchange.lastTime), -Infinity)),
      lastSeen: null,
      nextExpected: null,
      causes: [
        {
          kind: 'pod-silent',
          likelihood: 0.5,
          why: `clients ask ${text} again and again, and hear nothing; captures at its own node would show whether requests arrive there`,
          next: `tcpdump -ni any -c 20 'host ${address} and port ${backend.port}'${onNodeOf(context, backend.address)}`,
        },
        {
          kind: 'route-blackhole',
          likelihood: 0.3,
          why: `${address} may be the address of a pod that is gone, which the service still lists`,
          next: `kubectl get pod -A -o wide --field-selector status.podIP=${address}; kubectl get endpointslice -A -o wide | grep -wF ${address}`,
        },
      ],
      evidence: [],
      trail: null,
      backends,
    },
  ];
}
