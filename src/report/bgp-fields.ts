/** Fields of BGP messages for the verbose view. */
import {
  bgpAddressBits,
  bgpAsOctets,
  bgpAsPath,
  BgpAttribute,
  bgpAttributes,
  bgpAttributesLength,
  bgpCapabilities,
  BgpCapability,
  bgpCommunication,
  bgpHasFixed,
  BgpHeader,
  bgpLength,
  BgpNotification,
  bgpNotificationCode,
  bgpNotificationSubcode,
  BgpOpen,
  bgpOpenAs,
  bgpOpenHoldTime,
  bgpOpenIdentifierAt,
  bgpOpenParametersLength,
  bgpOpenVersion,
  bgpReachable,
  bgpRefreshAfi,
  bgpRefreshSafi,
  bgpRefreshSubtype,
  BgpRouteRefresh,
  bgpRoutes,
  BgpType,
  bgpType,
  bgpUnreachable,
  bgpWithdrawn,
  bgpWithdrawnLength,
  checkBgp,
  isEvpn,
  isIpUnicast,
  type BgpAttributeItem,
  type BgpFamilyRoutes,
  type BgpReachable,
} from '../wire/bgp.js';
import { bgpPrefixes, type BgpPrefix } from '../wire/bgp-prefixes.js';
import { formatIpv4, formatIpv6 } from '../wire/format.js';
import type { Message } from '../wire/messages.js';
import type { PacketView } from '../wire/packet.js';
import { putEvpnRoutes } from './evpn-fields.js';
import { putHeader, table, utf8, type Put, type Read } from './field-table.js';

/** Address family (IANA). */
const IPV6 = 2;

const HEADER = table(BgpHeader, {
  marker: [],
  length: [['bgp.length', bgpLength]],
  type: [['bgp.type', bgpType]],
});

/** The accessors count from the message, these tables from what follows its header. */
function inMessage(read: (view: DataView, at: number) => string | number): Read {
  return (view, at) => read(view, at - BgpHeader.span);
}

const OPEN = table(BgpOpen, {
  version: [['bgp.open.version', inMessage(bgpOpenVersion)]],
  as: [['bgp.open.myas', inMessage(bgpOpenAs)]],
  holdTime: [['bgp.open.holdtime', inMessage(bgpOpenHoldTime)]],
  identifier: [['bgp.open.identifier', inMessage((view, at) => formatIpv4(view, bgpOpenIdentifierAt(at)))]],
  parametersLength: [['bgp.open.opt.len', inMessage(bgpOpenParametersLength)]],
});

/** Wireshark has a field of its own for the subcodes of each error. */
const SUBCODE_FIELDS: Readonly<Record<number, string>> = {
  1: 'bgp.notify.minor_error',
  2: 'bgp.notify.minor_error_open',
  3: 'bgp.notify.minor_error_update',
  4: 'bgp.notify.minor_error_expired',
  5: 'bgp.notify.minor_error_state',
  6: 'bgp.notify.minor_error_cease',
  // RFC 7313: ROUTE-REFRESH; the name is of a draft that had this number before
  7: 'bgp.notify.minor_error_capability',
};

const NOTIFICATION = table(BgpNotification, {
  code: [['bgp.notify.major_error', inMessage(bgpNotificationCode)]],
  subcode: [],
});

const ROUTE_REFRESH = table(BgpRouteRefresh, {
  afi: [['bgp.route_refresh.afi', inMessage(bgpRefreshAfi)]],
  subtype: [['bgp.route_refresh.subtype', inMessage(bgpRefreshSubtype)]],
  safi: [['bgp.route_refresh.safi', inMessage(bgpRefreshSafi)]],
});

/** Puts one message. */
export function putBgp(put: Put, message: Message, packet: PacketView): void {
  const { view, at, end } = message;
  // The marker is no field: a header without length and type, or one that is none, has nothing to show.
  if (end - at < BgpHeader.span || view.getInt32(at) !== -1) return;
  putHeader(put, HEADER, view, at, end, packet);
  if (checkBgp(view, at, end) === -1) putBody(put, message, packet);
}

function putBody(put: Put, message: Message, packet: PacketView): void {
  const { view, at, end } = message;
  const bodyAt = at + BgpHeader.span;
  const bodyEnd = Math.min(end, at + bgpLength(view, at));
  switch (bgpType(view, at)) {
    case BgpType.OPEN:
      putHeader(put, OPEN, view, bodyAt, bodyEnd, packet);
      if (bgpHasFixed(view, at, end)) putCapabilities(put, view, at, end);
      return;
    case BgpType.UPDATE:
      if (bgpHasFixed(view, at, end)) putUpdate(put, message);
      return;
    case BgpType.NOTIFICATION:
      putHeader(put, NOTIFICATION, view, bodyAt, bodyEnd, packet);
      if (bgpHasFixed(view, at, end)) putNotification(put, view, at, end);
      return;
    case BgpType.ROUTE_REFRESH:
      putHeader(put, ROUTE_REFRESH, view, bodyAt, bodyEnd, packet);
      return;
  }
}

function putCapabilities(put: Put, view: DataView, at: number, end: number): void {
  for (const capability of bgpCapabilities(view, at, end)) {
    put('bgp.cap.type', capability.code);
    const length = capability.end - capability.at;
    if (capability.code === BgpCapability.AS4 && length === 4) put('bgp.cap.4as', view.getUint32(capability.at));
    if (capability.code === BgpCapability.MULTIPROTOCOL && length === 4) {
      put('bgp.cap.mp.afi', view.getUint16(capability.at));
      put('bgp.cap.mp.safi', view.getUint8(capability.at + 3));
    }
  }
}

function putNotification(put: Put, view: DataView, at: number, end: number): void {
  const code = bgpNotificationCode(view, at);
  put(SUBCODE_FIELDS[code] ?? 'bgp.notify.minor_error_unknown', bgpNotificationSubcode(view, at));
  const text = bgpCommunication(view, at, end);
  if (text !== null) put('bgp.notify.communication', utf8(view, text.at, text.end));
}

function putUpdate(put: Put, { view, at, end, paths }: Message): void {
  put('bgp.update.withdrawn_routes.length', bgpWithdrawnLength(view, at));
  putPrefixes(put, 'bgp.withdrawn_prefix', view, bgpWithdrawn(view, at, end, paths), 32);
  const attributesLength = bgpAttributesLength(view, at, end);
  if (attributesLength === -1) return;
  put('bgp.update.path_attributes.length', attributesLength);
  for (const attribute of bgpAttributes(view, at, end)) {
    put('bgp.update.path_attribute.type_code', attribute.code);
    put('bgp.update.path_attribute.flags', attribute.flags);
    putAttribute(put, view, attribute, paths);
  }
  putPrefixes(put, 'bgp.nlri_prefix', view, bgpRoutes(view, at, end, paths), 32);
}

function putAttribute(put: Put, view: DataView, { code, at, end }: BgpAttributeItem, paths: number | undefined): void {
  const length = end - at;
  switch (code) {
    case BgpAttribute.ORIGIN:
      if (length === 1) put('bgp.update.path_attribute.origin', view.getUint8(at));
      return;
    case BgpAttribute.AS_PATH:
      putAsPath(put, view, at, end, bgpAsOctets(view, at, end));
      return;
    case BgpAttribute.AS4_PATH:
      putAsPath(put, view, at, end, 4);
      return;
    case BgpAttribute.NEXT_HOP:
      if (length === 4) put('bgp.update.path_attribute.next_hop', formatIpv4(view, at));
      return;
    case BgpAttribute.MULTI_EXIT_DISC:
      if (length === 4) put('bgp.update.path_attribute.multi_exit_disc', view.getUint32(at));
      return;
    case BgpAttribute.LOCAL_PREF:
      if (length === 4) put('bgp.update.path_attribute.local_pref', view.getUint32(at));
      return;
    case BgpAttribute.ORIGINATOR_ID:
      if (length === 4) put('bgp.update.path_attribute.originator_id', formatIpv4(view, at));
      return;
    case BgpAttribute.COMMUNITIES:
      if (length % 4 !== 0) return;
      for (let community = at; community + 4 <= end; community += 4) {
        // RFC 1997: those from 0xffff0000 on have meanings of their own
        if (view.getUint16(community) === 0xffff) {
          put('bgp.update.path_attribute.community_wellknown', view.getUint32(community));
          continue;
        }
        put('bgp.update.path_attribute.community_as', view.getUint16(community));
        put('bgp.update.path_attribute.community_value', view.getUint16(community + 2));
      }
      return;
    case BgpAttribute.MP_REACH: {
      const routes = bgpReachable(view, at, end);
      if (routes === null) return;
      put('bgp.update.path_attribute.mp_reach_nlri.afi', routes.afi);
      put('bgp.update.path_attribute.mp_reach_nlri.safi', routes.safi);
      putNextHop(put, view, routes);
      putRoutes(put, 'bgp.mp_reach_nlri', view, routes, paths);
      return;
    }
    case BgpAttribute.MP_UNREACH: {
      const routes = bgpUnreachable(view, at, end);
      if (routes === null) return;
      put('bgp.update.path_attribute.mp_unreach_nlri.afi', routes.afi);
      put('bgp.update.path_attribute.mp_unreach_nlri.safi', routes.safi);
      putRoutes(put, 'bgp.mp_unreach_nlri', view, routes, paths);
      return;
    }
  }
}

function putAsPath(put: Put, view: DataView, at: number, end: number, octets: number): void {
  for (const segment of bgpAsPath(view, at, end, octets)) {
    put('bgp.update.path_attribute.as_path_segment.type', segment.type);
    for (const number of segment.numbers) put(`bgp.update.path_attribute.as_path_segment.as${octets}`, number);
  }
}

/** RFC 2545 section 3: a global address, and perhaps a link-local one after it. */
function putNextHop(put: Put, view: DataView, routes: BgpReachable): void {
  const { nextHopAt: at, nextHopLength: length } = routes;
  const name = 'bgp.update.path_attribute.mp_reach_nlri.next_hop';
  if (length === 4 && routes.afi !== IPV6) put(`${name}.ipv4`, formatIpv4(view, at));
  if (length === 16 || length === 32) put(`${name}.ipv6`, formatIpv6(view, at));
  if (length === 32) put(`${name}.ipv6.link_local`, formatIpv6(view, at + 16));
}

function putRoutes(put: Put, name: string, view: DataView, routes: BgpFamilyRoutes, paths: number | undefined): void {
  if (isIpUnicast(routes)) {
    const bits = bgpAddressBits(routes.afi);
    const family = routes.afi === 1 ? 'ipv4' : 'ipv6';
    putPrefixes(put, `${name}_${family}_prefix`, view, bgpPrefixes(view, routes.at, routes.end, bits, paths), bits);
  } else if (isEvpn(routes)) {
    putEvpnRoutes(put, view, routes);
  }
}

function putPrefixes(put: Put, name: string, view: DataView, prefixes: Iterable<BgpPrefix>, addressBits: number): void {
  for (const prefix of prefixes) {
    if (prefix.path !== null) put('bgp.nlri_path_id', prefix.path);
    put(name, prefixAddress(view, prefix, addressBits));
    put('bgp.prefix_length', prefix.bits);
  }
}

/** The address of a prefix; the bits after it are zero, whatever its last octet holds (RFC 4271 section 4.3). */
export function prefixAddress(view: DataView, prefix: BgpPrefix, addressBits: number): string {
  const address = new DataView(new ArrayBuffer(addressBits >> 3));
  for (let octet = 0; octet << 3 < prefix.bits; octet += 1) {
    const spare = Math.max(0, (octet << 3) + 8 - prefix.bits);
    address.setUint8(octet, view.getUint8(prefix.at + octet) & (0xff << spare));
  }
  return addressBits === 32 ? formatIpv4(address, 0) : formatIpv6(address, 0);
}
