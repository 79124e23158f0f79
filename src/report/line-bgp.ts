/** BGP messages in a few words each. */
import {
  bgpAsOctets,
  bgpAsPath,
  BgpAttribute,
  bgpAttributes,
  bgpCapabilities,
  BgpCapability,
  bgpAddressBits,
  bgpCommunication,
  bgpHasFixed,
  bgpLength,
  bgpNotificationCode,
  bgpNotificationSubcode,
  bgpOpenAs,
  bgpOpenHoldTime,
  bgpOpenIdentifierAt,
  bgpReachable,
  bgpRefreshAfi,
  bgpRefreshSafi,
  bgpRoutes,
  bgpType,
  BgpType,
  bgpUnreachable,
  bgpWithdrawn,
  checkBgp,
  isIpUnicast,
  type BgpFamilyRoutes,
} from '../wire/bgp.js';
import { bgpPrefixes, type BgpPrefix } from '../wire/bgp-prefixes.js';
import { bgpErrorName, bgpFamilyName, bgpSubcodeName, bgpTypeName } from '../wire/bgp-names.js';
import { formatIpv4, formatIpv6 } from '../wire/format.js';
import { prefixAddress } from './bgp-fields.js';
import { utf8 } from './field-table.js';

/** Prefixes that fit a line. */
const SHOWN = 8;

/** One message. `end`: one past the last octet of it that is there; `paths`: as bgpHasPaths() has it. */
export function bgpText(view: DataView, at: number, end: number, paths?: number): string {
  return checkBgp(view, at, end) === -1 ? messageText(view, at, end, paths) : '[|bgp]';
}

function messageText(view: DataView, at: number, end: number, paths: number | undefined): string {
  const type = bgpType(view, at);
  const name = bgpTypeName(type);
  if (!bgpHasFixed(view, at, end)) return `${name} [|bgp]`;
  switch (type) {
    case BgpType.OPEN:
      return `${name} as ${openAs(view, at, end)} hold ${bgpOpenHoldTime(view, at)} id ${formatIpv4(view, bgpOpenIdentifierAt(at))}`;
    case BgpType.UPDATE:
      return `${name}${updateText(view, at, end, paths)}${at + bgpLength(view, at) > end ? ' [|bgp]' : ''}`;
    case BgpType.NOTIFICATION: {
      const code = bgpNotificationCode(view, at);
      const subcode = bgpNotificationSubcode(view, at);
      const text = bgpCommunication(view, at, end);
      const words = text === null ? '' : ` "${utf8(view, text.at, text.end)}"`;
      const what = bgpSubcodeName(code, subcode);
      const more = what === '' ? '' : `, ${numbered(what, subcode)}`;
      return `${name} ${numbered(bgpErrorName(code), code)}${more}${words}`;
    }
    case BgpType.ROUTE_REFRESH:
      return `${name} ${bgpFamilyName(bgpRefreshAfi(view, at), bgpRefreshSafi(view, at))}`;
    default:
      return name;
  }
}

/** `Cease (6)`; names that are made of the number already stay alone. */
function numbered(name: string, number: number): string {
  return name.endsWith(`(${number})`) ? name : `${name} (${number})`;
}

/** The number of the capability, else that of the 2-octet field. */
function openAs(view: DataView, at: number, end: number): number {
  for (const capability of bgpCapabilities(view, at, end)) {
    if (capability.code === BgpCapability.AS4 && capability.end - capability.at === 4) {
      return view.getUint32(capability.at);
    }
  }
  return bgpOpenAs(view, at);
}

function updateText(view: DataView, at: number, end: number, paths: number | undefined): string {
  const withdrawn = prefixTexts(view, bgpWithdrawn(view, at, end, paths), 32);
  const announced: string[] = [];
  const other: string[] = [];
  let path = '';
  let nextHop = '';
  const family = (routes: BgpFamilyRoutes, into: string[]): void => {
    const bits = bgpAddressBits(routes.afi);
    if (isIpUnicast(routes))
      into.push(...prefixTexts(view, bgpPrefixes(view, routes.at, routes.end, bits, paths), bits));
    else other.push(bgpFamilyName(routes.afi, routes.safi));
  };
  for (const { code, at: dataAt, end: dataEnd } of bgpAttributes(view, at, end)) {
    if (code === BgpAttribute.NEXT_HOP && dataEnd - dataAt === 4) nextHop = formatIpv4(view, dataAt);
    if (code === BgpAttribute.AS_PATH) path = pathText(view, dataAt, dataEnd);
    if (code === BgpAttribute.MP_REACH) {
      const routes = bgpReachable(view, dataAt, dataEnd);
      if (routes === null) continue;
      if (routes.nextHopLength >= 16) nextHop = formatIpv6(view, routes.nextHopAt);
      else if (routes.nextHopLength === 4) nextHop = formatIpv4(view, routes.nextHopAt);
      family(routes, announced);
    }
    if (code === BgpAttribute.MP_UNREACH) {
      const routes = bgpUnreachable(view, dataAt, dataEnd);
      if (routes !== null) family(routes, withdrawn);
    }
  }
  announced.push(...prefixTexts(view, bgpRoutes(view, at, end, paths), 32));
  return [
    listText('withdraw', withdrawn),
    listText('announce', announced),
    other.length === 0 ? '' : ` ${other.join(' ')}`,
    nextHop === '' ? '' : ` via ${nextHop}`,
    path === '' ? '' : ` path ${path}`,
  ].join('');
}

function prefixTexts(view: DataView, prefixes: Iterable<BgpPrefix>, bits: number): string[] {
  return Array.from(prefixes, (prefix) => {
    const path = prefix.path === null ? '' : ` id ${prefix.path}`;
    return `${prefixAddress(view, prefix, bits)}/${prefix.bits}${path}`;
  });
}

function listText(word: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : '';
  return ` ${word} ${items.slice(0, SHOWN).join(' ')}${more}`;
}

function pathText(view: DataView, at: number, end: number): string {
  const segments = bgpAsPath(view, at, end, bgpAsOctets(view, at, end));
  return segments.map(({ type, numbers }) => (type === 1 ? `{${numbers.join(',')}}` : numbers.join(' '))).join(' ');
}
