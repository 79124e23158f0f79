import { PairIndex } from '../net/pair-index.js';
import { pointsKey } from '../net/points.js';
import type { Certainty, Evidence, Finding, Severity, TrailStep } from '../report/report.js';
import type { Exchange } from '../trail/exchange.js';
import { summaryOf, tunnelText } from '../trail/rows.js';
import type { Judgement, Trail } from '../trail/trail.js';
import type { Sighting } from '../trail/trail-rows.js';
import { TcpFlag } from '../wire/tcp.js';
import { breakOf } from './break.js';
import { factsOf } from './encapsulation/facts.js';
import { causesOf } from './causes/index.js';
import { placeOf, type FindingContext } from './context.js';
import { differsOf } from './siblings/index.js';

const EXAMPLES = 5;
/** Losses at one place are told flow by flow up to so many flows; more are one finding: it is the place that loses them. */
const FLOWS_APART = 16;

/** Losses of one flow at one place. */
interface Group {
  readonly kind: keyof typeof SUBJECT;
  readonly flow: number | null;
  readonly losses: Trail[];
  /** Requests, replies or packets among which they are. */
  of: number;
}

/** Requests and replies that were lost: one finding for each flow and place, or for a place where many flows lose some. */
export function lossFindings(context: FindingContext): Finding[] {
  const groups = new Map<string, Group>();
  const told = new Set<Trail>();
  for (const { exchange, outcome, flow } of context.exchanges.withVerdict('request-lost', 'reply-lost')) {
    const side =
      outcome.verdict === 'request-lost' ? outcome.request : outcome.verdict === 'reply-lost' ? outcome.reply : null;
    if (side === null || side.trail === null || side.judgement === null) continue;
    if (passesBy(context, side.trail, side.judgement)) continue;
    const kind = outcome.verdict as 'request-lost' | 'reply-lost';
    const key = `${kind} ${flow} ${side.lastSeen} ${side.nextExpected}`;
    let group = groups.get(key);
    if (group === undefined) {
      groups.set(key, (group = { kind, flow, losses: [], of: context.flows.exchangesOf(flow) }));
    }
    group.losses.push(side.trail);
    for (const trail of exchange.open) told.add(trail);
  }
  const places = placesOf(context, [...groups.values(), ...partialLoss(context, told)]);
  return [...places.values()].flatMap((groups) => lossesAt(context, groups));
}

/** Groups of losses at one place. */
function placesOf(context: FindingContext, all: readonly Group[]): Map<string, Group[]> {
  const places = new Map<string, Group[]>();
  for (const group of all) {
    const { lastSeen, nextExpected } = context.judge.judge(group.losses[0]!);
    // A flow that loses nearly all is not hidden among those that lose a little
    const key = `${group.kind} ${severityOf(group)} ${lastSeen} ${nextExpected}`;
    const groups = places.get(key);
    if (groups === undefined) places.set(key, [group]);
    else groups.push(group);
  }
  return places;
}

function lossesAt(context: FindingContext, groups: readonly Group[]): Finding[] {
  if (groups.length <= FLOWS_APART) return groups.map((group) => lossFinding(context, group, 1));
  const of = groups.reduce((sum, group) => sum + group.of, 0);
  const losses = groups.flatMap((group) => group.losses);
  return [lossFinding(context, { kind: groups[0]!.kind, flow: null, losses, of }, groups.length)];
}

/** Packets lost though their exchange came through: repeated, or one of many. */
function partialLoss(context: FindingContext, told: ReadonlySet<Trail>): Group[] {
  const groups: Group[] = [];
  // By flow and place: as texts the keys of tens of thousands of losses were most of what is made here
  const index = new PairIndex(context.trails.length);
  const resets = resetsOf(context);
  for (const trail of context.trails) {
    if (told.has(trail)) continue;
    const judgement = context.judge.judge(trail);
    if (judgement.state !== 'lost' || isRefused(trail) || isReset(trail, judgement, resets)) continue;
    if (passesBy(context, trail, judgement)) continue;
    const flow = trail.exchange === null ? -1 : context.flows.find(trail.exchange);
    const at = index.get(flow, pointsKey(judgement.lastSeen, judgement.nextExpected!));
    if (at < groups.length) groups[at]!.losses.push(trail);
    else groups.push({ kind: 'partial-loss', flow: flow < 0 ? null : flow, losses: [trail], of: 0 });
  }
  for (const group of groups) group.of = Math.max(packetsOf(group.losses), mostSent(context, group.losses));
  return groups;
}

/**
 * In a tunnel between two other nodes, seen here because a switch floods it and the capture is promiscuous: this node does not
 * take it in, and what became of it is not known.
 */
function passesBy(context: FindingContext, trail: Trail, judgement: Judgement): boolean {
  const { points, tunnels } = context.names;
  const { node } = points[judgement.lastSeen]!;
  if (judgement.nextExpected === null || points[judgement.nextExpected]!.node !== node) return false;
  const tunnel = tunnels.get(lastAt(trail, judgement).tunnel);
  if (tunnel === null) return false;
  const own = factsOf(context).endpointsOf(node);
  return own.size > 0 && !own.has(tunnel.src) && !own.has(tunnel.dst);
}

/** A rejected packet is answered for: the RST or ICMP error says who dropped it. */
function isRefused(trail: Trail): boolean {
  return trail.exchange !== null && trail.exchange.refused;
}

function resetsOf({ trails }: FindingContext): Map<Exchange, Trail[]> {
  const resets = new Map<Exchange, Trail[]>();
  for (const trail of trails) {
    const { exchange } = trail;
    if ((trail.c & TcpFlag.RST) === 0 || trail.quote !== null || exchange?.protocol !== 'tcp') continue;
    const list = resets.get(exchange);
    if (list === undefined) resets.set(exchange, [trail]);
    else list.push(trail);
  }
  return resets;
}

/**
 * Taken in by the host where it was last seen, whose RST has the number that it acknowledges: what that means, its check tells.
 * What is sent after a RST of the other side belongs to no connection any more.
 */
function isReset(trail: Trail, { lastSeen }: Judgement, resets: ReadonlyMap<Exchange, readonly Trail[]>): boolean {
  const { exchange, direction } = trail;
  const its = exchange === null ? undefined : resets.get(exchange);
  if (its === undefined) return false;
  const { b: acknowledged, firstTime, lastTime } = trail;
  for (const reset of its) {
    if (reset.direction === direction) continue;
    const isAnswer = reset.a === acknowledged && reset.firstSighting.point === lastSeen;
    if (reset.firstTime < firstTime || (isAnswer && reset.firstTime >= lastTime)) return true;
  }
  return false;
}

/** A trail of identical packets stands for all of them. */
function packetsOf(losses: readonly Trail[]): number {
  return losses.reduce((sum, { identical }) => sum + identical, 0);
}

/** Packets between the addresses of one of them, in its direction, at the point where it was last seen: the most there are. */
function mostSent({ evidence }: FindingContext, losses: readonly Trail[]): number {
  let most = 0;
  for (const { last, lastSighting } of losses)
    most = Math.max(most, evidence.points[lastSighting.point]!.pairs.count(last.src, last.dst));
  return most;
}

/** The first of them by time: at a place that loses tens of thousands, sorting all took longer than everything else here. */
function earliest(losses: readonly Trail[], count: number): Trail[] {
  const found: Trail[] = [];
  for (const loss of losses) {
    let at = found.length;
    while (at > 0 && found[at - 1]!.firstTime > loss.firstTime) at--;
    if (at === count) continue;
    found.splice(at, 0, loss);
    if (found.length > count) found.pop();
  }
  return found;
}

const SUBJECT = { 'request-lost': 'request', 'reply-lost': 'reply', 'partial-loss': 'packet' } as const;

function severityOf({ kind, losses, of }: Group): Severity {
  return kind === 'partial-loss' || losses.length * 2 < of ? 'warning' : 'error';
}

/** @param flows how many flows the losses are of */
function lossFinding(context: FindingContext, group: Group, flows: number): Finding {
  const { kind, flow, losses, of } = group;
  const { names } = context;
  const judgementOf = (loss: Trail): Judgement => context.judge.judge(loss);
  const examples = earliest(losses, EXAMPLES);
  const shown = losses.filter((loss) => judgementOf(loss).certainty === 'shown');
  const trail = earliest(shown, 1)[0] ?? examples[0]!;
  const latest = losses.reduce((last, loss) => (loss.firstTime >= last.firstTime ? loss : last));
  const judgement = judgementOf(trail);
  const certainty: Certainty = judgement.certainty;
  const count = kind === 'partial-loss' ? packetsOf(losses) : losses.length;
  const last = names.points[judgement.lastSeen]!.name;
  const next = names.points[judgement.nextExpected!]!.name;
  const who = `${names.addresses.text(trail.first.src)} > ${names.addresses.text(trail.first.dst)}`;
  const subject = of === 1 ? SUBJECT[kind] : `${SUBJECT[kind] === 'reply' ? 'replies' : `${SUBJECT[kind]}s`}`;
  const differs = kind === 'partial-loss' ? null : differsOf(context, trail, judgement);
  return {
    kind,
    severity: severityOf(group),
    certainty,
    title: `${count} of ${of} ${subject} ${flows === 1 ? who : `of ${flows} flows`} last seen at ${last}, never at ${next}`,
    flow,
    count,
    of,
    firstTime: context.timeOf(examples[0]!.firstTime),
    lastTime: context.timeOf(latest.lastTime),
    lastSeen: placeOf(context, lastAt(trail, judgement)),
    nextExpected: next,
    causes: causesOf(breakOf(context, trail, judgement), context.saved),
    evidence: examples.map((loss): Evidence => ({
      ...placeOf(context, lastAt(loss, judgementOf(loss))),
      note: `${summaryOf(names, loss)}: last seen here`,
    })),
    trail: { summary: `${who} ${summaryOf(names, trail)}`, steps: stepsOf(context, trail, judgement) },
    ...(differs === null ? {} : { differs }),
  };
}

function lastAt(trail: Trail, judgement: Judgement): Sighting {
  return trail.lastAt(judgement.lastSeen)!;
}

/** The way of a packet point by point: where it was seen, and where it should have been. */
export function stepsOf(context: FindingContext, trail: Trail, judgement: Judgement): TrailStep[] {
  const { names } = context;
  const steps: TrailStep[] = trail.sightings.map((sighting) => ({
    ...placeOf(context, sighting),
    state: 'seen',
    ttl: sighting.ttl,
    tunnel: tunnelText(names, sighting),
    note: sighting.copy ? 'recorded twice' : null,
  }));
  for (const { point, able, note } of judgement.silent) {
    steps.push({
      point: names.points[point]!.name,
      state: able ? 'silent' : 'unable',
      file: null,
      frame: null,
      time: null,
      ttl: null,
      tunnel: null,
      note,
    });
  }
  return steps;
}
