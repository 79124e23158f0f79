import type { Finding } from '../report/report.js';
import { endText } from '../trail/rows.js';
import type { FindingContext, Judged } from './context.js';

/**
 * Requests that reached their destination and were answered by nobody: one finding for each flow. It gives way where an earlier
 * finding says what is wrong with the flow.
 */
export function unansweredFindings(context: FindingContext, earlier: readonly Finding[] = []): Finding[] {
  const explained = new Set(earlier.filter(({ severity }) => severity !== 'info').map(({ flow }) => flow));
  const answered = new Set(context.exchanges.filter(({ exchange }) => exchange.replies > 0).map(identityOf));
  const groups = new Map<number, Judged[]>();
  for (const judged of context.exchanges) {
    const { exchange, outcome, flow } = judged;
    // A datagram needs no answer, and what only reached the last captured point may have been answered beyond it.
    if (outcome.verdict !== 'unanswered' || exchange.protocol === 'udp' || outcome.request?.state !== 'delivered')
      continue;
    // Under other addresses it may have been answered.
    if (explained.has(flow) || answered.has(identityOf(judged))) continue;
    groups.set(flow, [...(groups.get(flow) ?? []), judged]);
  }
  return [...groups].map(([flow, list]) => {
    const { exchange, outcome } = list[0]!;
    const { names } = context;
    const client = endText(names, exchange.client, -1);
    const server = endText(names, exchange.server, exchange.serverPort);
    const last = names.points[outcome.request!.lastSeen]!;
    const of = context.flows.exchangesOf(flow);
    return {
      kind: 'unanswered',
      severity: list.length * 2 < of ? 'warning' : 'error',
      certainty: 'likely',
      title: `${list.length} of ${of} requests ${client} > ${server} reached ${last.name} and no answer was seen anywhere`,
      flow,
      count: list.length,
      of,
      firstTime: context.timeOf(Math.min(...list.map((judged) => judged.exchange.firstTime))),
      lastTime: context.timeOf(Math.max(...list.map((judged) => judged.exchange.lastTime))),
      lastSeen: null,
      nextExpected: null,
      causes: [
        {
          kind: 'pod-silent',
          likelihood: 0.6,
          why: `the request is at ${last.name}, the interface of ${server}, and nothing comes back from there: no process, a firewall inside, or a full backlog`,
          next: `nsenter -t <pid of the pod> -n ss -lntup   # on ${last.node}`,
        },
      ],
      evidence: [],
      trail: null,
    };
  });
}

/** What translation leaves of an exchange. */
function identityOf({ exchange }: Judged): string {
  const { protocol, id, sequence, nameId, clientPort } = exchange;
  return `${protocol} ${id} ${protocol === 'tcp' ? '' : sequence} ${nameId} ${clientPort}`;
}
