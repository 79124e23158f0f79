// BGP-4 messages: RFC 4271 section 4; capabilities RFC 5492, 4-octet AS numbers RFC 6793, multiprotocol routes RFC 4760,
// ROUTE-REFRESH RFC 2918, shutdown communication RFC 9003, extended messages RFC 8654, long OPEN parameters RFC 9072
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +---------------------------------------------------------------+
//  |                       Marker (16), all ones                   |
//  +-------------------------------+---------------+---------------+
//  |            Length             |     Type      |
//  +-------------------------------+---------------+
//
// `at` is always the first octet of a marker, `end` one past the last captured octet of the segment. `paths`: which prefixes have
// path identifiers (bgp-prefixes.ts); those of families other than IPv4 and IPv6 unicast are not told from what follows them.
import { bgpMayHavePaths, bgpPrefixes, prefixesProblemAt, type BgpPrefix } from './bgp-prefixes.js';
import { evpnRoute } from './evpn.js';
import { bytes, struct, u16, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const BgpHeader = struct([bytes(16, 'marker'), u16('length'), u8('type')]);
/** What follows the header of an OPEN. */
export const BgpOpen = struct([
  u8('version'),
  u16('as'),
  u16('holdTime'),
  bytes(4, 'identifier'),
  u8('parametersLength'),
]);
/** What follows the header of a NOTIFICATION. */
export const BgpNotification = struct([u8('code'), u8('subcode')]);
/** What follows the header of a ROUTE-REFRESH; RFC 7313 made the reserved octet a subtype. */
export const BgpRouteRefresh = struct([u16('afi'), u8('subtype'), u8('safi')]);

const LENGTH = BgpHeader.offsetOf('length');
const TYPE = BgpHeader.offsetOf('type');
export const BGP_HEADER_LENGTH = BgpHeader.span;
export const BGP_MARKER_LENGTH = 16;
const HEADER_LENGTH = BGP_HEADER_LENGTH;

const OPEN_VERSION = HEADER_LENGTH + BgpOpen.offsetOf('version');
const OPEN_AS = HEADER_LENGTH + BgpOpen.offsetOf('as');
const OPEN_HOLD_TIME = HEADER_LENGTH + BgpOpen.offsetOf('holdTime');
const OPEN_IDENTIFIER = HEADER_LENGTH + BgpOpen.offsetOf('identifier');
const OPEN_PARAMETERS_LENGTH = HEADER_LENGTH + BgpOpen.offsetOf('parametersLength');
const OPEN_LENGTH = HEADER_LENGTH + BgpOpen.span;
const NOTIFICATION_CODE = HEADER_LENGTH + BgpNotification.offsetOf('code');
const NOTIFICATION_SUBCODE = HEADER_LENGTH + BgpNotification.offsetOf('subcode');
const NOTIFICATION_LENGTH = HEADER_LENGTH + BgpNotification.span;
const REFRESH_AFI = HEADER_LENGTH + BgpRouteRefresh.offsetOf('afi');
const REFRESH_SUBTYPE = HEADER_LENGTH + BgpRouteRefresh.offsetOf('subtype');
const REFRESH_SAFI = HEADER_LENGTH + BgpRouteRefresh.offsetOf('safi');
const REFRESH_LENGTH = HEADER_LENGTH + BgpRouteRefresh.span;
/** The length of the withdrawn routes, then that of the path attributes, two octets each. */
const UPDATE_LENGTH = HEADER_LENGTH + 4;

const TRUNCATED = problemNumber('bgp-truncated');
const MARKER = problemNumber('bgp-marker');
const BAD_LENGTH = problemNumber('bgp-length');

export const BgpType = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4, ROUTE_REFRESH: 5 } as const;

const OPEN = BgpType.OPEN;
const UPDATE = BgpType.UPDATE;
const NOTIFICATION = BgpType.NOTIFICATION;
const KEEPALIVE = BgpType.KEEPALIVE;
const ROUTE_REFRESH = BgpType.ROUTE_REFRESH;

export const BgpCapability = {
  MULTIPROTOCOL: 1,
  ROUTE_REFRESH: 2,
  GRACEFUL_RESTART: 64,
  AS4: 65,
  ADD_PATH: 69,
} as const;

export const BgpAttribute = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH: 14,
  MP_UNREACH: 15,
  AS4_PATH: 17,
} as const;

/** OPEN's optional parameter that holds capabilities. */
const CAPABILITIES = 2;
/** RFC 9072: as length and first type of the parameters, it says that longer lengths follow. */
const EXTENDED_PARAMETERS = 255;
const ATTRIBUTE_EXTENDED_LENGTH = 0x10;

const CEASE = 6;
const ADMINISTRATIVE_SHUTDOWN = 2;
const ADMINISTRATIVE_RESET = 4;

/** Shortest message of a type (RFC 4271 section 4, RFC 2918 section 3); its fixed fields lie within. */
export function bgpLeastLength(type: number): number {
  switch (type) {
    case OPEN:
      return OPEN_LENGTH;
    case UPDATE:
      return UPDATE_LENGTH;
    case NOTIFICATION:
      return NOTIFICATION_LENGTH;
    case ROUTE_REFRESH:
      return REFRESH_LENGTH;
    default:
      return HEADER_LENGTH;
  }
}

/** -1 when a header lies between `at` and `end` and its length is one that its type can have, else the number of its problem. */
export function checkBgp(view: DataView, at: number, end: number): number {
  if (end - at < HEADER_LENGTH) return TRUNCATED;
  if (!bgpMarkerIsGood(view, at)) return MARKER;
  const length = bgpLength(view, at);
  const type = bgpType(view, at);
  if (length < bgpLeastLength(type) || (type === KEEPALIVE && length !== HEADER_LENGTH)) return BAD_LENGTH;
  return -1;
}

function isMarker(view: DataView, at: number, end: number): boolean {
  for (let octet = at; octet < end; octet += 1) if (view.getUint8(octet) !== 0xff) return false;
  return true;
}

/** Octets of the message with its header, as announced. */
export function bgpLength(view: DataView, at: number): number {
  return view.getUint16(at + LENGTH);
}

export function bgpType(view: DataView, at: number): number {
  return view.getUint8(at + TYPE);
}

/** Whether the fixed fields that follow the header were captured; the message must have passed checkBgp(). */
export function bgpHasFixed(view: DataView, at: number, end: number): boolean {
  return end - at >= bgpLeastLength(bgpType(view, at));
}

/** Offset of the message after this one, whose header must be in bounds; -1 when none begins before `end`. */
export function bgpNext(view: DataView, at: number, end: number): number {
  const length = bgpLength(view, at);
  return length < HEADER_LENGTH || at + length >= end ? -1 : at + length;
}

/** Whether the 16 octets at `at` are the marker: all ones (RFC 4271 section 4.1). */
export function bgpMarkerIsGood(view: DataView, at: number): boolean {
  return (view.getInt32(at) & view.getInt32(at + 4) & view.getInt32(at + 8) & view.getInt32(at + 12)) === -1;
}

/** One past the last captured octet of this message. */
function messageEnd(view: DataView, at: number, end: number): number {
  return Math.min(end, at + bgpLength(view, at));
}

export function bgpOpenVersion(view: DataView, at: number): number {
  return view.getUint8(at + OPEN_VERSION);
}

/** The 2-octet field; 23456 stands for a number that only fits the capability (RFC 6793 section 9). */
export function bgpOpenAs(view: DataView, at: number): number {
  return view.getUint16(at + OPEN_AS);
}

/** Seconds. */
export function bgpOpenHoldTime(view: DataView, at: number): number {
  return view.getUint16(at + OPEN_HOLD_TIME);
}

/** Offset of the four octets of the BGP identifier. */
export function bgpOpenIdentifierAt(at: number): number {
  return at + OPEN_IDENTIFIER;
}

export function bgpOpenParametersLength(view: DataView, at: number): number {
  return view.getUint8(at + OPEN_PARAMETERS_LENGTH);
}

export function bgpNotificationCode(view: DataView, at: number): number {
  return view.getUint8(at + NOTIFICATION_CODE);
}

export function bgpNotificationSubcode(view: DataView, at: number): number {
  return view.getUint8(at + NOTIFICATION_SUBCODE);
}

export function bgpRefreshAfi(view: DataView, at: number): number {
  return view.getUint16(at + REFRESH_AFI);
}

/** 0 asks for the routes again; 1 and 2 mark beginning and end of the answer (RFC 7313). */
export function bgpRefreshSubtype(view: DataView, at: number): number {
  return view.getUint8(at + REFRESH_SUBTYPE);
}

export function bgpRefreshSafi(view: DataView, at: number): number {
  return view.getUint8(at + REFRESH_SAFI);
}

export function bgpWithdrawnLength(view: DataView, at: number): number {
  return view.getUint16(at + HEADER_LENGTH);
}

/** Total path attribute length, or -1 when the capture or the message ends before it. */
export function bgpAttributesLength(view: DataView, at: number, end: number): number {
  const lengthAt = at + HEADER_LENGTH + 2 + bgpWithdrawnLength(view, at);
  return lengthAt + 2 > messageEnd(view, at, end) ? -1 : view.getUint16(lengthAt);
}

/** A problem's number and the offset of what shows it, in one integer. */
function problemAt(code: number, offset: number): number {
  return (offset << 8) | code;
}

/**
 * Walks the messages from `at` on: -1 when nothing in them is wrong, else `offset << 8 | number of the problem`, the offset
 * counted from `at`. A message that does not end before `end` was cut or continues in another segment, which is no problem.
 */
export function bgpProblem(view: DataView, at: number, end: number, paths?: number): number {
  for (let message = at; message !== -1; message = bgpNext(view, message, end)) {
    const problem = checkBgp(view, message, end);
    if (problem === BAD_LENGTH) return problemAt(problem, message + LENGTH - at);
    if (problem === MARKER || !isMarker(view, message, Math.min(end, message + LENGTH))) {
      return problemAt(MARKER, message - at);
    }
    if (problem === TRUNCATED || message + bgpLength(view, message) > end) return -1;
    const wrongAt = bodyProblemAt(view, message, message + bgpLength(view, message), paths);
    if (wrongAt !== -1) return problemAt(BAD_LENGTH, wrongAt - at);
  }
  return -1;
}

/** Offset of the first length in a whole message that cannot be right, or -1. */
function bodyProblemAt(view: DataView, at: number, end: number, paths: number | undefined): number {
  switch (bgpType(view, at)) {
    case OPEN:
      return openProblemAt(view, at, end);
    case UPDATE:
      return updateProblemAt(view, at, end, paths);
    case NOTIFICATION:
      return bgpHasCommunication(view, at) && end - at > NOTIFICATION_LENGTH && communicationEnd(view, at) !== end
        ? at + NOTIFICATION_LENGTH
        : -1;
    default:
      return -1;
  }
}

function openProblemAt(view: DataView, at: number, end: number): number {
  let octet = parametersAt(view, at, end);
  if (octet === -1 || parametersEnd(view, at, end) !== end) return at + OPEN_PARAMETERS_LENGTH;
  const extended = hasExtendedParameters(view, at, end);
  while (octet < end) {
    const next = parameterEnd(view, octet, end, extended);
    if (next === -1) return octet;
    if (view.getUint8(octet) === CAPABILITIES) {
      for (let capability = octet + (extended ? 3 : 2); capability < next;) {
        const capabilityEnd = parameterEnd(view, capability, next, false);
        if (capabilityEnd === -1) return capability;
        if (view.getUint8(capability) === BgpCapability.AS4 && capabilityEnd - capability !== 6) return capability;
        capability = capabilityEnd;
      }
    }
    octet = next;
  }
  return -1;
}

function updateProblemAt(view: DataView, at: number, end: number, paths: number | undefined): number {
  const withdrawnAt = at + UPDATE_LENGTH - 2;
  const attributesLength = bgpAttributesLength(view, at, end);
  if (attributesLength === -1) return at + HEADER_LENGTH;
  const attributesAt = withdrawnAt + bgpWithdrawnLength(view, at) + 2;
  const routesAt = attributesAt + attributesLength;
  if (routesAt > end) return attributesAt - 2;

  let wrongAt = prefixesProblemAt(view, withdrawnAt, attributesAt - 2, 32, paths);
  for (let octet = attributesAt; octet < routesAt && wrongAt === -1;) {
    const next = attributeEnd(view, octet, routesAt);
    if (next === -1) return octet;
    wrongAt = attributeProblemAt(view, octet, next, paths);
    octet = next;
  }
  return wrongAt === -1 ? prefixesProblemAt(view, routesAt, end, 32, paths) : wrongAt;
}

function attributeProblemAt(view: DataView, at: number, end: number, paths: number | undefined): number {
  const dataAt = attributeDataAt(view, at);
  const length = end - dataAt;
  switch (view.getUint8(at + 1)) {
    case BgpAttribute.ORIGIN:
      return length === 1 ? -1 : at;
    case BgpAttribute.NEXT_HOP:
    case BgpAttribute.MULTI_EXIT_DISC:
    case BgpAttribute.LOCAL_PREF:
    case BgpAttribute.ORIGINATOR_ID:
      return length === 4 ? -1 : at;
    case BgpAttribute.ATOMIC_AGGREGATE:
      return length === 0 ? -1 : at;
    case BgpAttribute.AGGREGATOR:
      return length === 6 || length === 8 ? -1 : at;
    case BgpAttribute.COMMUNITIES:
    case BgpAttribute.CLUSTER_LIST:
      return length % 4 === 0 ? -1 : at;
    case BgpAttribute.AS_PATH:
      return bgpAsOctets(view, dataAt, end) === -1 ? at : -1;
    case BgpAttribute.AS4_PATH:
      return isAsPath(view, dataAt, end, 4) ? -1 : at;
    case BgpAttribute.MP_REACH: {
      const routes = bgpReachable(view, dataAt, end);
      if (routes === null || !hasNextHop(routes)) return at;
      return routesProblemAt(view, routes, paths);
    }
    case BgpAttribute.MP_UNREACH: {
      const routes = bgpUnreachable(view, dataAt, end);
      return routes === null ? at : routesProblemAt(view, routes, paths);
    }
    default:
      return -1;
  }
}

function routesProblemAt(view: DataView, routes: BgpFamilyRoutes, paths: number | undefined): number {
  if (isIpUnicast(routes)) return prefixesProblemAt(view, routes.at, routes.end, bgpAddressBits(routes.afi), paths);
  if (!isEvpn(routes)) return -1;
  for (let octet = routes.at; octet < routes.end;) {
    const next = parameterEnd(view, octet, routes.end, false);
    if (next === -1 || !evpnFits(view, octet, next)) return octet;
    octet = next;
  }
  return -1;
}

/** Whether an EVPN route of a known type has its fields. */
function evpnFits(view: DataView, at: number, end: number): boolean {
  const code = view.getUint8(at);
  return code < 1 || code > 5 || evpnRoute(view, { code, at: at + 2, end }) !== null;
}

/** Whether the next hop is as long as its family has it: RFC 2545 section 3, RFC 8950 section 3, RFC 7432 section 7. */
function hasNextHop(routes: BgpReachable): boolean {
  const length = routes.nextHopLength;
  if (isIpUnicast(routes)) return length === 16 || length === 32 || (length === 4 && routes.afi === 1);
  return !isEvpn(routes) || length === 4 || length === 16;
}

/** After a type and a length octet (two with `extended`) and that many octets; -1 when this is beyond `end`. */
function parameterEnd(view: DataView, at: number, end: number, extended: boolean): number {
  const dataAt = at + (extended ? 3 : 2);
  if (dataAt > end) return -1;
  const next = dataAt + (extended ? view.getUint16(at + 1) : view.getUint8(at + 1));
  return next > end ? -1 : next;
}

function hasExtendedParameters(view: DataView, at: number, end: number): boolean {
  return (
    bgpOpenParametersLength(view, at) === EXTENDED_PARAMETERS &&
    end - at >= OPEN_LENGTH + 3 &&
    view.getUint8(at + OPEN_LENGTH) === EXTENDED_PARAMETERS
  );
}

/** First optional parameter, or -1 when the message ends before it. */
function parametersAt(view: DataView, at: number, end: number): number {
  const first = at + OPEN_LENGTH + (hasExtendedParameters(view, at, end) ? 3 : 0);
  return first > end ? -1 : first;
}

/** One past the last optional parameter, as announced; `end` is captured. */
function parametersEnd(view: DataView, at: number, end: number): number {
  return hasExtendedParameters(view, at, end)
    ? at + OPEN_LENGTH + 3 + view.getUint16(at + OPEN_LENGTH + 1)
    : at + OPEN_LENGTH + bgpOpenParametersLength(view, at);
}

function attributeDataAt(view: DataView, at: number): number {
  return at + ((view.getUint8(at) & ATTRIBUTE_EXTENDED_LENGTH) !== 0 ? 4 : 3);
}

function attributeEnd(view: DataView, at: number, end: number): number {
  if (at + 3 > end) return -1;
  const dataAt = attributeDataAt(view, at);
  if (dataAt > end) return -1;
  const next = dataAt + (dataAt - at === 4 ? view.getUint16(at + 2) : view.getUint8(at + 2));
  return next > end ? -1 : next;
}

/** Whether segments of AS numbers of `octets` octets fill the path (RFC 4271 section 4.3). */
function isAsPath(view: DataView, from: number, end: number, octets: number): boolean {
  let at = from;
  while (at + 2 <= end) {
    const type = view.getUint8(at);
    if (type < 1 || type > 4) return false;
    at += 2 + view.getUint8(at + 1) * octets;
  }
  return at === end;
}

/**
 * Octets of an AS number in a path: 4 or 2, whichever fills it; -1 when neither does. The session's OPENs decide it, and a
 * capture may not have them; where both fit, speakers of today mean 4.
 */
export function bgpAsOctets(view: DataView, at: number, end: number): number {
  if (isAsPath(view, at, end, 4)) return 4;
  return isAsPath(view, at, end, 2) ? 2 : -1;
}

/** A part of a message: its code, and where its octets are. */
export interface BgpItem {
  readonly code: number;
  readonly at: number;
  readonly end: number;
}

/** Capabilities of an OPEN, those captured whole. */
export function* bgpCapabilities(view: DataView, at: number, end: number): Generator<BgpItem> {
  const captured = messageEnd(view, at, end);
  const last = Math.min(captured, parametersEnd(view, at, captured));
  const extended = hasExtendedParameters(view, at, last);
  let parameter = parametersAt(view, at, last);
  while (parameter !== -1 && parameter < last) {
    const next = parameterEnd(view, parameter, last, extended);
    if (next === -1) return;
    if (view.getUint8(parameter) === CAPABILITIES) {
      for (let octet = parameter + (extended ? 3 : 2); octet < next;) {
        const octetEnd = parameterEnd(view, octet, next, false);
        if (octetEnd === -1) return;
        yield { code: view.getUint8(octet), at: octet + 2, end: octetEnd };
        octet = octetEnd;
      }
    }
    parameter = next;
  }
}

/** Withdrawn IPv4 prefixes of an UPDATE. */
export function bgpWithdrawn(view: DataView, at: number, end: number, paths?: number): Generator<BgpPrefix> {
  const from = at + HEADER_LENGTH + 2;
  const announced = from + bgpWithdrawnLength(view, at);
  // RFC 4271 section 6.3: of an UPDATE whose lengths are too large for it, nothing is a route
  if (announced + 2 > at + bgpLength(view, at)) return bgpPrefixes(view, from, from, 32);
  return ipv4Prefixes(view, from, announced, messageEnd(view, at, end), paths);
}

/** Announced IPv4 prefixes of an UPDATE, after its attributes. */
export function bgpRoutes(view: DataView, at: number, end: number, paths?: number): Generator<BgpPrefix> {
  const attributesLength = bgpAttributesLength(view, at, end);
  const last = messageEnd(view, at, end);
  const from = attributesLength === -1 ? last : at + UPDATE_LENGTH + bgpWithdrawnLength(view, at) + attributesLength;
  return ipv4Prefixes(view, from, at + bgpLength(view, at), last, paths);
}

function ipv4Prefixes(
  view: DataView,
  from: number,
  announcedEnd: number,
  capturedEnd: number,
  paths: number | undefined,
): Generator<BgpPrefix> {
  if (announcedEnd <= capturedEnd) return bgpPrefixes(view, from, announcedEnd, 32, paths);
  const isKnown = paths !== undefined || !bgpMayHavePaths(view, from, capturedEnd, 32);
  return bgpPrefixes(view, from, isKnown ? capturedEnd : from, 32, paths ?? 0);
}

export interface BgpAttributeItem extends BgpItem {
  readonly flags: number;
}

/** Path attributes of an UPDATE, those captured whole. */
export function* bgpAttributes(view: DataView, at: number, end: number): Generator<BgpAttributeItem> {
  const length = bgpAttributesLength(view, at, end);
  if (length === -1) return;
  let octet = at + UPDATE_LENGTH + bgpWithdrawnLength(view, at);
  if (octet + length > at + bgpLength(view, at)) return;
  const last = Math.min(messageEnd(view, at, end), octet + length);
  while (octet < last) {
    const next = attributeEnd(view, octet, last);
    if (next === -1) return;
    yield {
      code: view.getUint8(octet + 1),
      flags: view.getUint8(octet),
      at: attributeDataAt(view, octet),
      end: next,
    };
    octet = next;
  }
}

/** A segment of an AS path: 1 set, 2 sequence, 3 and 4 the same within a confederation (RFC 5065). */
export interface BgpAsSegment {
  readonly type: number;
  readonly numbers: readonly number[];
}

/** Segments of an AS path whose numbers have `octets` octets; empty when they do not fill it. */
export function bgpAsPath(view: DataView, from: number, end: number, octets: number): BgpAsSegment[] {
  const segments: BgpAsSegment[] = [];
  if ((octets !== 2 && octets !== 4) || !isAsPath(view, from, end, octets)) return segments;
  for (let at = from; at < end;) {
    const count = view.getUint8(at + 1);
    const numbers: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const numberAt = at + 2 + index * octets;
      numbers.push(octets === 4 ? view.getUint32(numberAt) : view.getUint16(numberAt));
    }
    segments.push({ type: view.getUint8(at), numbers });
    at += 2 + count * octets;
  }
  return segments;
}

/** Routes of another address family; `at` to `end` are their octets. */
export interface BgpFamilyRoutes {
  readonly afi: number;
  readonly safi: number;
  readonly at: number;
  readonly end: number;
}

export interface BgpReachable extends BgpFamilyRoutes {
  readonly nextHopAt: number;
  readonly nextHopLength: number;
}

/** MP_REACH_NLRI (RFC 4760 section 3) in the octets from `at` to `end`; null when they are too few. */
export function bgpReachable(view: DataView, at: number, end: number): BgpReachable | null {
  if (end - at < 5) return null;
  const nextHopLength = view.getUint8(at + 3);
  const routesAt = at + 4 + nextHopLength + 1;
  if (routesAt > end) return null;
  return {
    afi: view.getUint16(at),
    safi: view.getUint8(at + 2),
    nextHopAt: at + 4,
    nextHopLength,
    at: routesAt,
    end,
  };
}

/** MP_UNREACH_NLRI (RFC 4760 section 4) in the octets from `at` to `end`; null when they are too few. */
export function bgpUnreachable(view: DataView, at: number, end: number): BgpFamilyRoutes | null {
  if (end - at < 3) return null;
  return { afi: view.getUint16(at), safi: view.getUint8(at + 2), at: at + 3, end };
}

export function isIpUnicast(routes: BgpFamilyRoutes): boolean {
  return (routes.afi === 1 || routes.afi === 2) && routes.safi === 1;
}

export function isEvpn(routes: BgpFamilyRoutes): boolean {
  return routes.afi === 25 && routes.safi === 70;
}

/** Bits of an address of IPv4 (1) or IPv6 (2). */
export function bgpAddressBits(afi: number): number {
  return afi === 1 ? 32 : 128;
}

/** EVPN routes (RFC 7432 section 7): type, length, octets. */
export function* bgpEvpnRoutes(view: DataView, routes: BgpFamilyRoutes): Generator<BgpItem> {
  for (let octet = routes.at; octet < routes.end;) {
    const next = parameterEnd(view, octet, routes.end, false);
    if (next === -1) return;
    yield { code: view.getUint8(octet), at: octet + 2, end: next };
    octet = next;
  }
}

/** Whether this NOTIFICATION may hold a text of the operator (RFC 9003 section 2). */
export function bgpHasCommunication(view: DataView, at: number): boolean {
  const subcode = bgpNotificationSubcode(view, at);
  return (
    bgpNotificationCode(view, at) === CEASE && (subcode === ADMINISTRATIVE_SHUTDOWN || subcode === ADMINISTRATIVE_RESET)
  );
}

function communicationEnd(view: DataView, at: number): number {
  return at + NOTIFICATION_LENGTH + 1 + view.getUint8(at + NOTIFICATION_LENGTH);
}

/** The shutdown communication, UTF-8, when there is one and it was captured whole; else null. */
export function bgpCommunication(view: DataView, at: number, end: number): { at: number; end: number } | null {
  const last = messageEnd(view, at, end);
  if (!bgpHasCommunication(view, at) || last - at <= NOTIFICATION_LENGTH) return null;
  const textEnd = communicationEnd(view, at);
  return textEnd > last ? null : { at: at + NOTIFICATION_LENGTH + 1, end: textEnd };
}
