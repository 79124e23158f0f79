import type { Finding } from '../../report/report.js';
import type { Trail } from '../../trail/trail.js';
import { inNamespaceOf } from '../commands.js';
import { placeOf, type FindingContext } from '../context.js';
import { factsOf, type IcmpError } from './facts.js';
import { cause, shownBy } from './told.js';
import { octetsOf } from '../break.js';

/** Packets above the size that a message named, after it, from which on the sender does not heed it. */
const HEEDLESS = 3;
/** Packets on their way when the message comes, nanoseconds. */
const REACTION = 200e6;
const EXAMPLES = 3;

/** "Fragmentation needed" (RFC 1191): heeded, which is normal; not heeded; not received. */
export function mtuIcmp(context: FindingContext): Finding[] {
  const { names } = context;
  const facts = factsOf(context);
  const groups = new Map<string, IcmpError[]>();
  for (const error of facts.errors) {
    if (error.type !== 3 || error.code !== 4 || error.inner !== null || error.mtu === 0) continue;
    const key = `${error.sender} ${error.outer.src}>${error.outer.dst} ${error.mtu}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [error]);
    else group.push(error);
  }
  const findings: Finding[] = [];
  const bySender = groups.size === 0 ? new Map<string, Trail[]>() : trailsByPair(context);
  for (const errors of groups.values()) {
    errors.sort((a, b) => a.time - b.time);
    const { sender, outer, mtu, kept, time } = errors[0]!;
    const text = (address: number): string => names.addresses.text(address);
    const home = context.topology.homeOf(outer.src);
    const received = home.points.length > 0 && errors.some(({ kept: { point } }) => home.points.includes(point));
    const later = (bySender.get(`${outer.src}>${outer.dst}`) ?? []).filter((trail) => {
      const first = trail.firstSighting;
      if (facts.timeOf(first) <= time + REACTION || (octetsOf(context, first)?.length ?? 0) <= mtu) return false;
      // What arrived did fit: the kernel cuts up segments behind this point (offload)
      return context.judge.judge(trail).state !== 'delivered';
    });
    const said = `"fragmentation needed, MTU ${mtu}" from ${text(sender)} about ${text(outer.src)} > ${text(outer.dst)}`;
    if (later.length < HEEDLESS) {
      if (!received) continue;
      findings.push(
        shownBy(context, [kept], said, {
          kind: 'mtu-pod-larger-than-tunnel',
          severity: 'info',
          certainty: 'shown',
          title: `${text(outer.src)} sent ${outer.length} octets to ${text(outer.dst)} and was told by ${text(sender)} that ${mtu} fit`,
          causes: [],
        }),
      );
      continue;
    }
    // Where its home was not captured, nothing tells whether the message came there.
    if (home.points.length === 0) continue;
    const kind = received ? 'mtu-icmp-ignored' : 'mtu-icmp-lost';
    findings.push({
      ...shownBy(context, [kept], said, {
        kind,
        severity: 'error',
        certainty: 'shown',
        title: `${text(outer.src)} goes on sending more than ${mtu} octets to ${text(outer.dst)} (${later.length} packets), ${received ? `although ${text(sender)} told it that only ${mtu} fit` : `as the message of ${text(sender)} that only ${mtu} fit does not reach it`}`,
        count: later.length,
        of: later.length,
        lastTime: context.timeOf(later[later.length - 1]!.lastTime),
        causes: [
          cause(
            kind,
            0.85,
            received
              ? 'the connection that the message quotes is not one that the sender knows (translated in between), or a rule in the pod drops it'
              : `something between ${names.points[kept.point]!.name} and ${text(outer.src)} drops ICMP`,
            inNamespaceOf(context, outer.src, `ip route get ${text(outer.dst)}`),
          ),
        ],
      }),
      evidence: [
        facts.example(kept, said),
        ...later.slice(0, EXAMPLES).map((trail) => ({
          ...placeOf(context, trail.firstSighting),
          note: `${octetsOf(context, trail.firstSighting)!.length} octets, after the message`,
        })),
      ],
    });
  }
  return findings;
}

function trailsByPair(context: FindingContext): Map<string, Trail[]> {
  const pairs = new Map<string, Trail[]>();
  for (const trail of context.trails) {
    const key = `${trail.first.src}>${trail.first.dst}`;
    const trails = pairs.get(key);
    if (trails === undefined) pairs.set(key, [trail]);
    else trails.push(trail);
  }
  return pairs;
}
