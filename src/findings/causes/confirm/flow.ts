import type { CapturePoint } from '../../../net/points.js';
import type { Finding, FlowReport } from '../../../report/report.js';
import type { SavedState } from '../../../state/read.js';
import { confirmed } from './index.js';
import type { Subject } from './scene.js';

/** Causes of findings about a flow: of the packet they know its addresses and the points that show it. */
const OF_FLOWS = [
  'conntrack-table-full',
  'dns-conntrack-race-5s',
  'dns-unexpected-source',
  'hairpin-off',
  'host-firewall-reject',
  'nat-missing-masquerade',
  'rst-firewall-reject',
  'svc-no-endpoints',
];
const PROTOCOLS: Readonly<Record<FlowReport['protocol'], number>> = { 'icmp-echo': 1, dns: 17, udp: 17, tcp: 6 };

const NO_PACKET = {
  ...{ source: null, destination: null, protocol: null, sourcePort: null, destinationPort: null, isOpening: false },
  ...{
    outerSource: null,
    outerDestination: null,
    outerSourcePort: null,
    outerPort: null,
    outerReturn: null,
    tunnel: null,
    octets: null,
  },
  ...{ sourceNode: null, returnsElsewhere: false, turnedBack: false, unresolved: [], next: null },
} as const;

/** A place, and what else is known of what happened there. */
export function subjectAt(last: CapturePoint, about: Partial<Subject> = {}): Subject {
  return { ...NO_PACKET, node: last.node, last, ...about };
}

/** Findings that no lost packet tells about, with what saved state says about their causes on the nodes that show them. */
export function confirmFlows(
  findings: readonly Finding[],
  flows: readonly FlowReport[],
  points: readonly CapturePoint[],
  saved: SavedState | null,
): readonly Finding[] {
  if (saved === null) return findings;
  const byName = new Map(points.map((point) => [point.name, point]));
  return findings.map((finding) => {
    if (!finding.causes.some(({ kind }) => OF_FLOWS.includes(kind))) return finding;
    const flow = finding.flow === null ? undefined : flows[finding.flow];
    const places = [...new Set(finding.evidence.map(({ point }) => point))];
    let { causes } = finding;
    for (const place of places) {
      const point = byName.get(place);
      if (point === undefined) continue;
      const about = flow === undefined ? {} : packetOf(flow);
      const others = causes.filter(({ kind }) => !OF_FLOWS.includes(kind));
      const told = confirmed(
        causes.filter((cause) => !others.includes(cause)),
        subjectAt(point, about),
        saved,
      );
      causes = [...told, ...others].sort((a, b) => b.likelihood - a.likelihood);
    }
    return { ...finding, causes };
  });
}

function packetOf(flow: FlowReport): Partial<Subject> {
  return {
    source: flow.client,
    destination: flow.server,
    protocol: PROTOCOLS[flow.protocol],
    sourcePort: flow.clientPort,
    destinationPort: flow.serverPort,
    isOpening: flow.protocol === 'tcp',
  };
}
