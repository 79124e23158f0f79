import type { Differs, FieldDifference } from '../../report/report.js';
import { endText, summaryOf } from '../../trail/rows.js';
import type { Judgement, Trail } from '../../trail/trail.js';
import type { Sighting } from '../../trail/trail-rows.js';
import { placeOf, type FindingContext } from '../context.js';
import { LENGTH, NAMES, SOURCE_MACS, fieldsAt, type Fields } from './fields.js';
import { siblingsOf } from './healthy.js';

/** What every host and link takes (RFC 791 section 3.1): a shorter packet is not lost for its length. */
const SHORT = 576;

interface Comparison {
  readonly sibling: Trail;
  /** The first common point where something differs; null where nothing does. */
  readonly first: { readonly here: Sighting; readonly there: Sighting; readonly fields: FieldDifference[] } | null;
  /** Names of all fields that differ anywhere. */
  readonly names: ReadonlySet<string>;
}

/**
 * Good against bad: what a packet that was lost has otherwise than one that came through there. Null where no other came
 * through, and where one did that differs in nothing: then it is not the packet.
 */
export function differsOf(context: FindingContext, trail: Trail, judgement: Judgement): Differs | null {
  const { lastSeen, nextExpected } = judgement;
  if (nextExpected === null) return null;
  const compared = siblingsOf(context, trail, lastSeen, nextExpected)
    .map((sibling) => compare(context, trail, sibling, lastSeen))
    .filter((comparison) => comparison !== null);
  if (compared.length === 0 || compared.some(({ first }) => first === null)) return null;
  const isSameTarget = ({ sibling }: Comparison): number => (sibling.last.dst === trail.last.dst ? 0 : 1);
  // Array.sort is stable: of equals the nearest in time.
  const [best] = compared.sort((a, b) => isSameTarget(a) - isSameTarget(b) || a.names.size - b.names.size);
  const { sibling, first } = best!;
  const { here, there, fields } = first!;
  const { names } = context;
  const end = (address: number, port: number): string => endText(names, address, port);
  return {
    sibling: `${end(sibling.first.src, sibling.first.sourcePort)} > ${end(sibling.first.dst, sibling.first.destinationPort)} ${summaryOf(names, sibling)}`,
    passes: [lastSeen, nextExpected].map((point) => names.points[point]!.name),
    point: names.points[here.point]!.name,
    here: placeOf(context, here),
    there: placeOf(context, there),
    fields,
  };
}

/** Point by point as far as both were seen; null where the octets of the last point were not kept. */
function compare(context: FindingContext, trail: Trail, sibling: Trail, lastSeen: number): Comparison | null {
  const { topology } = context;
  const home = topology.homeOf(trail.first.src).node;
  const isSameNode = home !== null && home === topology.homeOf(sibling.first.src).node;
  const names = new Set<string>();
  let first: Comparison['first'] = null;
  let reached = false;
  for (const here of trail.sightings) {
    const there = counterpart(here, sibling);
    if (there === null) continue;
    const a = fieldsAt(context, trail, here);
    const b = fieldsAt(context, sibling, there);
    if (a === null || b === null) continue;
    const fields = differences(a, b, isSameNode);
    for (const { field } of fields) names.add(field);
    if (fields.length > 0) first ??= { here, there, fields };
    if (here.point === lastSeen) reached = true;
  }
  return reached ? { sibling, first, names } : null;
}

/** Where the sibling passed the same point, bare or in a tunnel as the packet itself where it passed twice. */
function counterpart({ point, tunnel }: Sighting, { sightings }: Trail): Sighting | null {
  const passages = sightings.filter((other) => other.point === point);
  return passages.find((other) => (other.tunnel === 0) === (tunnel === 0)) ?? passages[0] ?? null;
}

function differences(here: Fields, there: Fields, isSameNode: boolean): FieldDifference[] {
  const found: FieldDifference[] = [];
  for (const [field, value] of here) {
    const other = there.get(field);
    if (other === undefined || other === value) continue;
    if (!isSameNode && SOURCE_MACS.has(field)) continue;
    if (field === LENGTH && (Number(value) <= SHORT || Number(value) <= Number(other))) continue;
    found.push({ field, there: other, here: value });
  }
  const telling = found.filter(({ field }) => !NAMES.has(field));
  return telling.length > 0 ? telling : found;
}
