import type { Cause, Finding, Severity } from '../../report/report.js';
import { bgpErrorName, bgpSubcodeName } from '../../wire/bgp-names.js';
import type { FindingContext } from '../context.js';
import type { Half, Notification, Open, Session, View } from './bgp-sessions.js';
import { onNodeOf } from '../commands.js';
import { durationText, findingOf, secondsBetween, type Exhibit } from './finding.js';
import { groupBy } from './groups.js';

const OPEN_ERROR = 2;
const HOLD_TIMER = 4;
const CEASE = 6;

const BAD_PEER_AS = 2;
const BAD_IDENTIFIER = 3;
const UNACCEPTABLE_HOLD_TIME = 6;
const UNSUPPORTED_CAPABILITY = 7;

const COLLISION = 7;
/** Subcodes of Cease by which an operator, or a program that acts for one, ends a session. */
const ADMINISTRATIVE = new Set([2, 3, 4, 6]);

/** AS_TRANS (RFC 6793): the header's field of a speaker whose number needs four octets. */
const AS_TRANS = 23456;
/** Payload that fits a narrow path no more, octets. */
const LARGE = 1000;
/** A speaker sends three KEEPALIVEs in a hold time (RFC 4271 section 4.4). */
const KEEPALIVE_SHARE = 3;

/** A session that a NOTIFICATION ended, as the point nearest to its sender saw it. */
interface Closed {
  readonly session: Session;
  readonly view: View;
  readonly notification: Notification;
  /** Who sent it, and who is told. */
  readonly from: number;
  readonly to: number;
  readonly sender: Half;
  readonly other: Half;
}

/** Sessions that ended with a NOTIFICATION: who ended them, and why. Collisions are told elsewhere. */
export function notificationFindings(context: FindingContext, sessions: readonly Session[]): Finding[] {
  const closed = sessions.map(closedBy).filter((found) => found !== null);
  const groups = groupBy(
    closed.filter(({ notification: { code, subcode } }) => !(code === CEASE && subcode === COLLISION)),
    ({ from, to, notification: { code, subcode } }) => `${from} ${to} ${code} ${subcode}`,
  );
  return groups.map((group) => {
    const [first] = group as [Closed, ...Closed[]];
    const { code, subcode } = first.notification;
    if (code === OPEN_ERROR) return openRejected(context, group as [Closed, ...Closed[]]);
    if (code === HOLD_TIMER) return holdTimerExpired(context, group as [Closed, ...Closed[]]);
    if (code === CEASE && ADMINISTRATIVE.has(subcode)) return adminReset(context, group as [Closed, ...Closed[]]);
    return other(context, group as [Closed, ...Closed[]]);
  });
}

/** The first NOTIFICATION of a session. */
export function closedBy(session: Session): Closed | null {
  let best: Closed | null = null;
  for (const view of session.views) {
    for (const [sender, other, from, to] of [
      [view.fromClient, view.fromServer, view.client, view.server],
      [view.fromServer, view.fromClient, view.server, view.client],
    ] as const) {
      if (sender.notification === null) continue;
      // Seen nearest to its sender, and of two the earlier one
      const earlier =
        best !== null && best.view === view && secondsBetween(sender.notification.kept, best.notification.kept) > 0;
      if (best === null || earlier || (best.from === from && sender.ttl > best.sender.ttl)) {
        best = { session, view, notification: sender.notification, from, to, sender, other };
      }
    }
  }
  return best;
}

function nameOf({ code, subcode }: Notification): string {
  const name = bgpSubcodeName(code, subcode);
  return `${bgpErrorName(code)}${name === '' ? '' : `, ${name}`} (${code}/${subcode})`;
}

function build(
  context: FindingContext,
  group: readonly [Closed, ...Closed[]],
  parts: {
    readonly kind: string;
    readonly severity: Severity;
    readonly title: string;
    readonly causes: readonly Cause[];
    /** After the NOTIFICATION, before the OPENs. */
    readonly exhibits?: readonly Exhibit[];
  },
): Finding {
  const [{ session, notification, from, sender, other }] = group;
  const { addresses } = context.names;
  const open = (half: Half): Exhibit[] =>
    half.open === null ? [] : [{ kept: half.open.kept, note: `OPEN: ${openText(half.open)}` }];
  return findingOf(context, {
    ...parts,
    certainty: 'shown',
    flow: session.flow,
    count: group.length,
    of: group.length,
    exhibits: [
      { kept: notification.kept, note: `NOTIFICATION from ${addresses.text(from)}: ${nameOf(notification)}` },
      ...(parts.exhibits ?? []),
      ...open(other),
      ...open(sender),
    ],
    span: group.map((closed) => closed.notification.kept),
  });
}

function openText({ as, field, holdTime, identifier }: Open): string {
  const four = field === AS_TRANS && as !== AS_TRANS ? ' (by the four-octet capability)' : '';
  return `AS ${as}${four}, hold time ${holdTime} s, identifier ${identifier}`;
}

function openRejected(context: FindingContext, group: readonly [Closed, ...Closed[]]): Finding {
  const [{ notification, from, to, sender, other }] = group;
  const { addresses } = context.names;
  const [rejecter, rejected] = [addresses.text(from), addresses.text(to)];
  const mine = sender.open === null ? 'its own OPEN was not captured' : `it says AS ${sender.open.as} itself`;
  const theirs = other.open === null ? 'an OPEN that was not captured' : `AS ${other.open.as}`;
  let why = `${rejecter} does not take what the OPEN of ${rejected} says`;
  let next = `calicoctl get bgpconfig,bgppeer,node -o yaml | grep -iE 'asNumber|peerIP'`;
  switch (notification.subcode) {
    case BAD_PEER_AS:
      why = `${rejected} says ${theirs}, and ${rejecter} is configured with another number for this neighbour`;
      break;
    case BAD_IDENTIFIER:
      why =
        sender.open !== null && sender.open.identifier === other.open?.identifier
          ? `both speakers have the identifier ${sender.open.identifier}, as nodes do that were cloned from one image`
          : `the identifier ${other.open?.identifier ?? 'in the OPEN'} is not valid, or is its own`;
      next = `calicoctl get node -o yaml | grep -iE 'name:|routeReflectorClusterID|ipv4Address'; birdcl show status${onNodeOf(context, to)}`;
      break;
    case UNACCEPTABLE_HOLD_TIME:
      why = `the hold time offered is ${other.open?.holdTime ?? '?'} s`;
      next = `birdcl show protocols all | grep -iE 'BGP|hold'${onNodeOf(context, to)}`;
      break;
    case UNSUPPORTED_CAPABILITY:
      why = `the two OPENs announce different capabilities, and ${rejecter} insists on one`;
      next = `birdcl show protocols all | grep -iE 'BGP|capabilit' -A12${onNodeOf(context, from)}`;
      break;
    default:
  }
  return build(context, group, {
    kind: 'bgp-open-rejected',
    severity: 'error',
    title: `${rejecter} rejects the OPEN of ${rejected} (${theirs}; ${mine}): ${nameOf(notification)}`,
    causes: [{ kind: 'bgp-open-rejected', likelihood: 0.95, why, next }],
  });
}

function adminReset(context: FindingContext, group: readonly [Closed, ...Closed[]]): Finding {
  const [{ notification, from, to }] = group;
  const { addresses } = context.names;
  const text = notification.communication === null ? '' : `, "${notification.communication}"`;
  const times = group.length === 1 ? '' : ` ${group.length} times`;
  return build(context, group, {
    kind: 'bgp-admin-reset',
    // Once is somebody's decision, again and again is a fault
    severity: group.length === 1 ? 'info' : 'warning',
    title: `${addresses.text(from)} ends the BGP session with ${addresses.text(to)}${times}: ${nameOf(notification)}${text}`,
    causes: [
      {
        kind: 'bgp-admin-reset',
        likelihood: 0.95,
        why: 'an operator, a new configuration or a restart of the speaker ended it; until it is up again its routes are withdrawn, and connections through them may be reset',
        next: `kubectl -n calico-system logs ds/calico-node --since 1h | grep -iE 'bird|bgp' | grep -F ${addresses.text(to)}${onNodeOf(context, from)}`,
      },
    ],
  });
}

const OTHER_WHY: Readonly<Record<number, string>> = {
  1: 'it could not read the stream of messages: octets were lost or changed, or something else than BGP speaks on this port',
  3: 'it did not understand the routes it was sent; the two implementations disagree, or a message was damaged',
  5: 'a message came that the state of the session does not allow; often both sides restarted at once',
  7: 'it could not read a request to send the routes again',
  8: 'the other side stopped reading: what was sent to it was not acknowledged for longer than the hold time',
};
const CEASE_WHY: Readonly<Record<number, string>> = {
  1: 'it was sent more prefixes than it is configured to take',
  5: 'it does not take connections from this neighbour at present: not configured, passive elsewhere, or damped after failures',
  8: 'it is short of memory or another resource',
  9: 'a hard reset: the session is torn down, and graceful restart does not keep its routes',
  10: 'BFD, which watches the path, says that the path is down; look for what was lost there',
};

function other(context: FindingContext, group: readonly [Closed, ...Closed[]]): Finding {
  const [{ notification, from, to }] = group;
  const { addresses } = context.names;
  const { code, subcode } = notification;
  const times = group.length === 1 ? '' : ` ${group.length} times`;
  return build(context, group, {
    kind: 'bgp',
    severity: code === CEASE && (subcode === 9 || subcode === 10) ? 'warning' : 'error',
    title: `${addresses.text(from)} ends the BGP session with ${addresses.text(to)}${times}: ${nameOf(notification)}`,
    causes: [
      {
        kind: 'bgp-flap',
        likelihood: 0.8,
        why: (code === CEASE ? CEASE_WHY[subcode] : OTHER_WHY[code]) ?? 'it says no more than these two numbers',
        next: `kubectl -n calico-system logs ds/calico-node --since 1h | grep -iE 'bird|bgp' | grep -F ${addresses.text(to)}${onNodeOf(context, from)}`,
      },
    ],
  });
}

function holdTimerExpired(context: FindingContext, group: readonly [Closed, ...Closed[]]): Finding {
  const [closed] = group;
  const { addresses } = context.names;
  const hold = holdTimeOf(closed.session);
  const [waiting, silent] = [addresses.text(closed.from), addresses.text(closed.to)];
  const last = closed.other.last;
  const gap = last === null ? null : secondsBetween(last, closed.notification.kept);
  const heard =
    gap === null
      ? `no message of ${silent} was captured`
      : `the last message of ${silent} was seen ${durationText(gap)} before`;
  return build(context, group, {
    kind: 'bgp-hold-timer-expired',
    severity: 'error',
    title: `${waiting} ends the BGP session with ${silent}: hold timer expired${hold === null ? '' : ` (${hold} s)`}; ${heard}`,
    causes: holdCauses(context, closed, hold, gap),
    exhibits: last === null ? [] : [{ kept: last, note: `last message of ${silent}` }],
  });
}

/** The smaller of the two offers (RFC 4271 section 4.2); null when an OPEN is missing. */
function holdTimeOf({ views }: Session): number | null {
  for (const { fromClient, fromServer } of views) {
    if (fromClient.open !== null && fromServer.open !== null) {
      return Math.min(fromClient.open.holdTime, fromServer.open.holdTime);
    }
  }
  return null;
}

function holdCauses(context: FindingContext, closed: Closed, hold: number | null, gap: number | null): Cause[] {
  const { addresses } = context.names;
  const [waiting, silent] = [addresses.text(closed.from), addresses.text(closed.to)];
  const halves = closed.session.views.map((view) => (view.client === closed.to ? view.fromClient : view.fromServer));
  const repeated = halves.map((half) => half.repeated).find((found) => found !== null && found.length >= LARGE);
  const starved: Cause = {
    kind: 'bgp-hold-timer-expired',
    likelihood: 0.3,
    why: `the process on one side may get no CPU time`,
    next: `kubectl -n calico-system top pod${onNodeOf(context, closed.from)}`,
  };
  const path: Cause = {
    kind: 'underlay-blocks-tunnel',
    likelihood: 0.3,
    why: `packets from ${silent} to ${waiting} may be lost on the way`,
    next: `mtr -n -T -P 179 -c 20 ${waiting}${onNodeOf(context, closed.to)}`,
  };
  const narrow: Cause = {
    kind: 'mtu-blackhole-underlay',
    likelihood: 0.2,
    why: 'an UPDATE too large for the path would hold up the KEEPALIVEs behind it',
    next: `ping -M do -c 3 -s 1472 ${waiting}${onNodeOf(context, closed.to)}`,
  };
  if (repeated !== undefined && repeated !== null) {
    return [
      {
        ...narrow,
        likelihood: 0.8,
        why: `${silent} sends a segment of ${repeated.length} octets again and again: it does not arrive, and the KEEPALIVEs behind it wait for it`,
      },
      path,
    ];
  }
  if (hold === null || hold === 0 || gap === null) return [starved, path, narrow];
  if (gap < hold / KEEPALIVE_SHARE && !closed.other.hole && context.store.complete) {
    return [
      {
        ...starved,
        likelihood: 0.75,
        why: `messages of ${silent} reach this capture point until ${durationText(gap)} before the end, so ${waiting} did not get to read them: its process is starved or stuck`,
      },
      path,
    ];
  }
  const later = halves.find(
    (half) =>
      half !== closed.other &&
      half.last !== null &&
      closed.other.last !== null &&
      half.last.point !== closed.other.last.point &&
      secondsBetween(closed.other.last, half.last) > hold / KEEPALIVE_SHARE,
  );
  if (later?.last) {
    const { points } = context.names;
    return [
      {
        ...path,
        likelihood: 0.8,
        why: `${silent} still sends at ${points[later.last.point]!.name}, and nothing of it comes to ${points[closed.other.last!.point]!.name}`,
      },
      narrow,
    ];
  }
  return [
    {
      ...path,
      likelihood: 0.5,
      why: `nothing of ${silent} was seen for ${durationText(gap)}: lost on the way, or not sent`,
    },
    { ...starved, likelihood: 0.4, why: `${silent} may have stopped sending: its process is starved, stuck or gone` },
    narrow,
  ];
}
