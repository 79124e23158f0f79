import type { Finding } from '../../report/report.js';
import { watchAt } from '../commands.js';
import type { FindingContext } from '../context.js';

const LOSSES = new Set(['request-lost', 'reply-lost', 'partial-loss']);

/**
 * DNS is what people notice first. Where other packets are lost at the same place as DNS messages, the loss of these is a
 * consequence: it is told as such and ranks behind.
 */
export function demoteDnsLosses(context: FindingContext, findings: readonly Finding[]): Finding[] {
  const isDns = (flow: number | null): flow is number => flow !== null && context.flows.protocolOf(flow) === 'dns';
  const places = new Map<string, Finding>();
  for (const finding of findings) {
    const place = placeOf(finding);
    if (place === null || isDns(finding.flow)) continue;
    // A packet now and then is no reason for DNS to fail
    if (finding.kind === 'partial-loss' || finding.count * 2 < finding.of) continue;
    const other = places.get(place);
    if (other === undefined || other.count < finding.count) places.set(place, finding);
  }
  const demoted = new Set<number>();
  const result = findings.map((finding): Finding => {
    const place = placeOf(finding);
    const cause = place === null ? undefined : places.get(place);
    if (cause === undefined || !isDns(finding.flow)) return finding;
    demoted.add(finding.flow);
    const why = `other packets are lost at the same place (${cause.title}): what takes them takes DNS too`;
    const next = cause.causes[0]?.next ?? watchNext(context, finding);
    return {
      ...finding,
      severity: finding.severity === 'error' ? 'warning' : finding.severity,
      title: `${finding.title}, as packets that are not DNS are`,
      // Before the others where it is as likely; saved state may have made one of them all but certain.
      causes: [{ kind: 'dns-first-symptom', likelihood: 0.9, why, next }, ...finding.causes]
        .sort((a, b) => b.likelihood - a.likelihood)
        .slice(0, 3),
    };
  });
  // What the DNS checks say of such a flow explains the same losses once more
  return result.map((finding) =>
    finding.kind.startsWith('dns-') && finding.flow !== null && demoted.has(finding.flow) && finding.severity !== 'info'
      ? { ...finding, severity: 'info' }
      : finding,
  );
}

/** Where a cause is not known: look at the place that they do not reach, for this client's packets of any kind. */
function watchNext(context: FindingContext, { kind, flow, nextExpected }: Finding): string {
  const { names } = context;
  const point = names.points.find(({ name }) => name === nextExpected)!;
  const exchange = context.exchanges.find(({ flow: its, outcome }) => its === flow && outcome.verdict === kind);
  const side = kind === 'reply-lost' ? exchange?.outcome.reply : exchange?.outcome.request;
  const trail = side?.trail;
  if (trail === undefined || trail === null) return watchAt(point, '');
  const last = trail.lastAt(side!.lastSeen)!;
  const tunnel = point.role === 'underlay' ? names.tunnels.get(last.tunnel) : null;
  const client = kind === 'reply-lost' ? last.form.dst : last.form.src;
  if (tunnel === null) return watchAt(point, `host ${names.addresses.text(client)}`);
  const port = tunnel.destinationPort > 0 ? ` and port ${tunnel.destinationPort}` : '';
  return watchAt(point, `host ${names.addresses.text(tunnel.dst)}${port}`);
}

function placeOf({ kind, lastSeen, nextExpected }: Finding): string | null {
  return LOSSES.has(kind) && lastSeen !== null && nextExpected !== null ? `${lastSeen.point} ${nextExpected}` : null;
}
