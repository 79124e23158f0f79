import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { cause, shownBy } from './told.js';

/** Findings at most; one misconfigured pair of nodes shows in many pairs of addresses. */
const LIMIT = 8;

/** Pairs of addresses of which one direction is tunnelled at an underlay interface and the other one bare. */
export function tunnelOneWay(context: FindingContext): Finding[] {
  const { names } = context;
  const findings: Finding[] = [];
  for (const at of context.evidence.points) {
    if (at === undefined || at.point.role !== 'underlay' || at.tunnelled === 0 || findings.length >= LIMIT) continue;
    const { pairs } = at;
    const { index } = pairs;
    for (let i = 0; i < index.size && findings.length < LIMIT; i++) {
      if (
        pairs.forward(i) === 0 ||
        pairs.backward(i) === 0 ||
        (pairs.forwardFrom(i) === 0) === (pairs.backwardFrom(i) === 0)
      )
        continue;
      const wrapped = pairs.forwardFrom(i) !== 0;
      const [from, to] = wrapped ? [index.first(i), index.second(i)] : [index.second(i), index.first(i)];
      const bare = wrapped ? pairs.backward(i) : pairs.forward(i);
      // Where the tunnel ends at this very interface's node, packets are recorded wrapped and bare on purpose.
      if (
        context.topology.homeOf(from).points.includes(at.point.id) ||
        context.topology.homeOf(to).points.includes(at.point.id)
      )
        continue;
      const text = (address: number): string => names.addresses.text(address);
      findings.push(
        shownBy(context, [], '', {
          kind: 'tunnel-one-way',
          severity: 'warning',
          certainty: 'shown',
          title: `${text(from)} > ${text(to)} travels in a tunnel at ${at.point.name}, and the way back bare (${bare} packets)`,
          count: bare,
          of: pairs.forward(i) + pairs.backward(i),
          causes: [
            cause(
              'tunnel-one-way',
              0.9,
              'the two nodes disagree on whether packets between them need the tunnel: cross-subnet modes, netmasks, or a host that answers from another address',
              `ip route get ${text(from)}; ip route get ${text(to)}   # on both nodes`,
            ),
          ],
        }),
      );
    }
  }
  return findings;
}
