import type { Tunnel } from '../../trail/sightings.js';
import type { Judgement, Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import type { Finding } from '../../report/report.js';
import { breakOf, octetsOf, type Octets } from '../break.js';
import { confirmed } from '../causes/confirm/index.js';
import { placeOf, type FindingContext } from '../context.js';
import { summaryOf } from '../../trail/rows.js';

/** Packets looked at; their causes repeat. */
const LIMIT = 1 << 14;
const EXAMPLES = 5;

/** A packet that did not arrive, as far as is known, with what its octets say where it was last seen. */
export interface Loss {
  readonly trail: Trail;
  readonly judgement: Judgement;
  readonly sighting: Sighting;
  readonly tunnel: Tunnel | null;
  readonly octets: Octets;
}

const UNDELIVERED = new WeakMap<FindingContext, readonly Loss[]>();

/**
 * Packets that are not known to have arrived, and of which the frame at the last point was kept: those that were lost, and
 * those that were followed from one point to another and no further.
 */
export function undeliveredOf(context: FindingContext): readonly Loss[] {
  let packets = UNDELIVERED.get(context);
  if (packets === undefined) UNDELIVERED.set(context, (packets = collect(context)));
  return packets;
}

/** Those of them that were lost. */
export function lossesOf(context: FindingContext): Loss[] {
  return undeliveredOf(context).filter(({ judgement }) => judgement.state === 'lost');
}

function collect(context: FindingContext): Loss[] {
  const packets: Loss[] = [];
  for (const trail of context.trails) {
    const judgement = context.judge.judge(trail);
    if (judgement.state === 'delivered') continue;
    const sighting = trail.lastAt(judgement.lastSeen)!;
    if (judgement.state !== 'lost' && wasSeenOnlyAt(trail, sighting.point)) continue;
    const octets = octetsOf(context, sighting);
    if (octets === null) continue;
    packets.push({ trail, judgement, sighting, tunnel: context.names.tunnels.get(sighting.tunnel), octets });
    if (packets.length >= LIMIT) break;
  }
  return packets;
}

function wasSeenOnlyAt({ sightings }: Trail, point: number): boolean {
  return sightings.every((sighting) => sighting.point === point);
}

/** Losses that share a reason: as one of several findings, by a key that names the reason. */
export function grouped(losses: readonly Loss[], keyOf: (loss: Loss) => string): Loss[][] {
  const groups = new Map<string, Loss[]>();
  for (const loss of losses) {
    const key = `${loss.judgement.lastSeen} ${loss.judgement.nextExpected} ${keyOf(loss)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [loss]);
    else group.push(loss);
  }
  return [...groups.values()];
}

/** A finding about packets that all vanished at one place for one reason. */
export function lossReason(
  context: FindingContext,
  losses: readonly Loss[],
  about: Pick<Finding, 'kind' | 'severity' | 'certainty' | 'title' | 'causes'>,
): Finding {
  const { names } = context;
  const first = losses[0]!;
  const place = first.judgement.nextExpected === null ? null : breakOf(context, first.trail, first.judgement);
  // That they go no further is no surer than their loss.
  const isShown = losses.some(({ judgement }) => judgement.certainty === 'shown');
  return {
    ...about,
    certainty: about.certainty === 'shown' && !isShown ? 'likely' : about.certainty,
    causes: place === null ? about.causes : confirmed(about.causes, place, context.saved),
    flow: null,
    count: losses.length,
    of: losses.length,
    firstTime: context.timeOf(losses.reduce((least, { trail }) => Math.min(least, trail.firstTime), Infinity)),
    lastTime: context.timeOf(losses.reduce((most, { trail }) => Math.max(most, trail.lastTime), -Infinity)),
    lastSeen: placeOf(context, first.sighting),
    nextExpected: first.judgement.nextExpected === null ? null : names.points[first.judgement.nextExpected]!.name,
    evidence: losses.slice(0, EXAMPLES).map(({ trail, sighting }) => ({
      ...placeOf(context, sighting),
      note: `${names.addresses.text(trail.last.src)} > ${names.addresses.text(trail.last.dst)} ${summaryOf(names, trail)}`,
    })),
    trail: null,
  };
}
