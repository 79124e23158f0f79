import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { crosses, isEstablished, othersOf } from './bgp-pairs.js';
import { closedBy } from './bgp-notifications.js';
import type { End, Session, View } from './bgp-sessions.js';
import { onNodeOf } from '../commands.js';
import { findingOf, secondsBetween } from './finding.js';
import { groupBy } from './groups.js';

const CEASE = 6;
const COLLISION = 7;
/** More collisions of one pair than this in ten minutes are no start-up any more. */
const COLLISIONS = 3;
const TEN_MINUTES = 600;

interface Ended {
  readonly session: Session;
  readonly view: View;
  readonly end: End;
  readonly by: number;
  readonly other: number;
}

/** Sessions that were up and ended without a NOTIFICATION. */
export function flapFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const ended: Ended[] = [];
  for (const session of sessions) {
    const view = session.views.find((candidate) => candidate.established && candidate.ending !== null);
    if (view === undefined || closedBy(session) !== null) continue;
    const { end, by } = view.ending!;
    const [from, other] = by === 'client' ? [view.client, view.server] : [view.server, view.client];
    ended.push({ session, view, end, by: from, other });
  }
  const { addresses } = context.names;
  return groupBy(ended, ({ by, other }) => `${by} ${other}`).map((group) => {
    const [{ session, view, end, by, other }] = group as [Ended, ...Ended[]];
    const how = end.reset ? 'a RST' : 'a FIN';
    const times = group.length === 1 ? '' : ` ${group.length} times`;
    const forgotten = end.reset && !end.owned;
    return findingOf(context, {
      kind: 'bgp-flap',
      severity: 'warning',
      certainty: 'shown',
      title: `the BGP session ${addresses.text(view.client)} > ${addresses.text(view.server)} was up and ended${times} by ${how} from ${addresses.text(by)}, without a NOTIFICATION`,
      flow: session.flow,
      count: group.length,
      of: Math.max(group.length, sessions.filter((s) => s.flow === session.flow).length),
      causes: [
        {
          kind: 'bgp-flap',
          likelihood: 0.7,
          why: forgotten
            ? `${addresses.text(by)} answers as a host does that has no such connection: it was restarted, or the address moved to another host`
            : `the speaker of ${addresses.text(by)} was stopped or restarted; until the session is up again its routes are gone, and connections through them may be reset`,
          next: `kubectl -n calico-system get pod -l k8s-app=calico-node -o wide; journalctl -u bird -u gobgpd -u frr --since -1h | grep -F ${addresses.text(other)}${onNodeOf(context, by)}`,
        },
      ],
      exhibits: group.map(({ end: { kept, reset } }) => ({
        kept,
        note: `${reset ? 'RST' : 'FIN'} from ${addresses.text(by)}`,
      })),
    });
  });
}

/** Two speakers that call each other at once: one connection is given up, which is as it should be. */
export function collisionFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const given = sessions.filter((session) => {
    const closed = closedBy(session);
    if (closed !== null) return closed.notification.code === CEASE && closed.notification.subcode === COLLISION;
    if (isEstablished(session) || session.views[0].synAck === null || session.views[0].ending === null) return false;
    return othersOf(session).some((other) => crosses(session, other) && isEstablished(other));
  });
  const { addresses } = context.names;
  const pair = ({ views: [{ client, server }] }: Session): string =>
    `${Math.min(client, server)} ${Math.max(client, server)}`;
  return groupBy(given, pair).map((group) => {
    const [session] = group as [Session, ...Session[]];
    const [view] = session.views;
    const often = group.some(
      ({ views: [first] }, i) =>
        group[i + COLLISIONS] !== undefined &&
        secondsBetween(first.first, group[i + COLLISIONS]!.views[0].first) < TEN_MINUTES,
    );
    return findingOf(context, {
      kind: 'bgp-collision',
      severity: often ? 'warning' : 'info',
      certainty: closedBy(session) === null ? 'likely' : 'shown',
      title: `${addresses.text(view.client)} and ${addresses.text(view.server)} called each other at the same time, and one of the two BGP connections was given up${group.length === 1 ? '' : `, ${group.length} times`}`,
      flow: session.flow,
      count: group.length,
      of: group.length,
      causes: often
        ? [
            {
              kind: 'bgp-flap',
              likelihood: 0.7,
              why: 'collisions come when both speakers start; so many mean that the session comes up and goes down again',
              next: `birdcl show protocols all${onNodeOf(context, view.server)}`,
            },
          ]
        : [],
      exhibits: group.map((one) => ({
        kept: closedBy(one)?.notification.kept ?? one.views[0].ending!.end.kept,
        note: 'the end of one of them',
      })),
    });
  });
}
