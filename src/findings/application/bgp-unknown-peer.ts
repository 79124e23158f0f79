import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { crosses, othersOf, worksElsewhere } from './bgp-pairs.js';
import type { End, Session, View } from './bgp-sessions.js';
import { onNodeOf } from '../commands.js';
import { counted, durationText, findingOf, secondsBetween } from './finding.js';
import { groupBy } from './groups.js';

/** A speaker that does not know the caller closes at once, seconds after the SYN,ACK. */
const AT_ONCE = 1;

/** Connections whose OPEN a speaker answers by closing, without a BGP message of its own: it has no such neighbour. */
export function unknownPeerFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const refused = sessions.filter((session) => {
    if (!session.views.some((view) => closedAtOnce(view) !== null)) return false;
    const others = othersOf(session);
    // Of two crossing connections one is closed in this way too, and all is well
    return !worksElsewhere(session, others) && !others.some((other) => crosses(session, other) && isOpen(other));
  });
  const { addresses } = context.names;
  return groupBy(refused, ({ views: [view] }) => `${view.client} ${view.server}`).map((group) => {
    const [session] = group as [Session, ...Session[]];
    const view = session.views.find((candidate) => closedAtOnce(candidate) !== null)!;
    const end = closedAtOnce(view)!;
    const server = addresses.text(view.server);
    const client = addresses.text(view.client);
    const inside = session.views.find((other) => other.client !== view.client);
    const before = inside === undefined ? '' : `, which is ${addresses.text(inside.client)} before translation`;
    const after = durationText(secondsBetween(view.fromClient.open!.kept, end.kept));
    const translated =
      inside === undefined
        ? `${server} has no neighbour ${client}: a translated address, a second address of the node, or a neighbour that was never configured`
        : `${server} knows its neighbour as ${addresses.text(inside.client)}, and the connection comes from ${client}: a NAT box or a masquerade rule rewrites it on the way`;
    const of = sessions.filter(({ views }) =>
      views.some((other) => other.client === view.client && other.server === view.server),
    ).length;
    return findingOf(context, {
      kind: 'bgp-unknown-peer-reset',
      severity: 'error',
      certainty: inside === undefined ? 'likely' : 'shown',
      title: `${server} closes ${group.length} of ${counted(of, 'BGP connection')} from ${client}${before}, ${after} after the OPEN (AS ${view.fromClient.open!.as}) and without a message`,
      flow: session.flow,
      count: group.length,
      of,
      causes: [
        {
          kind: 'bgp-unknown-peer-reset',
          likelihood: inside === undefined ? 0.85 : 0.95,
          why: translated,
          next: `kubectl -n calico-system logs ds/calico-node --since 1h | grep -F 'unknown address ${client}'${onNodeOf(context, view.server)}`,
        },
        {
          kind: 'bgp-collision',
          likelihood: inside === undefined ? 0.1 : 0.03,
          why: `one of two connections that cross is closed in the same way; no other connection between the two was seen to work`,
          next: `calicoctl node status${onNodeOf(context, view.server)}`,
        },
      ],
      exhibits: [
        { kept: view.fromClient.open!.kept, note: `OPEN of ${client}, identifier ${view.fromClient.open!.identifier}` },
        {
          kept: end.kept,
          note: `${end.reset ? 'RST' : 'FIN'} of ${server}, which has not sent a single octet`,
        },
        ...(inside?.fromClient.open
          ? [{ kept: inside.fromClient.open.kept, note: `the same OPEN from ${addresses.text(inside.client)}` }]
          : []),
      ],
      span: group.flatMap(({ views: [first] }) => [first.first, first.ending?.end.kept ?? first.first]),
    });
  });
}

/** The FIN or RST by which the server closes without a word, else null. */
function closedAtOnce(view: View): End | null {
  const { fromClient, fromServer, synAck, ending } = view;
  if (synAck === null || fromClient.open === null || fromServer.octets > 0 || ending?.by !== 'server') return null;
  const { end } = ending;
  if (secondsBetween(synAck, end.kept) > AT_ONCE) return null;
  // A RST that a socket did not send, or that comes from elsewhere, is another story
  if (end.reset && (!end.owned || end.ttl !== view.synAckTtl)) return null;
  return end;
}

/** Answered, and not closed while it was captured. */
function isOpen({ views }: Session): boolean {
  return views.some((view) => view.synAck !== null && view.ending === null);
}
