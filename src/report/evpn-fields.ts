/** Fields of EVPN routes for the verbose view. */
import { bgpEvpnRoutes, type BgpFamilyRoutes, type BgpItem } from '../wire/bgp.js';
import { evpnRoute } from '../wire/evpn.js';
import { formatIpv4, formatIpv6, formatMac } from '../wire/format.js';
import { hexText, type Put } from './field-table.js';

const IP_PREFIX = 5;

export function putEvpnRoutes(put: Put, view: DataView, routes: BgpFamilyRoutes): void {
  for (const route of bgpEvpnRoutes(view, routes)) {
    put('bgp.evpn.nlri.rt', route.code);
    put('bgp.evpn.nlri.len', route.end - route.at);
    putRoute(put, view, route);
  }
}

function putRoute(put: Put, view: DataView, item: BgpItem): void {
  const route = evpnRoute(view, item);
  if (route === null) return;
  const { distinguisherAt, segmentAt, tagAt, macAt, ipAt, ipOctets, ipBits, gatewayAt } = route;
  put('bgp.evpn.nlri.rd', hexText(view, distinguisherAt, 8));
  if (segmentAt !== -1) put('bgp.evpn.nlri.esi', hexText(view, segmentAt, 10, ':'));
  if (tagAt !== -1) put('bgp.evpn.nlri.etag', view.getUint32(tagAt));
  if (macAt !== -1) put('bgp.evpn.nlri.mac_addr', formatMac(view, macAt));
  if (item.code === IP_PREFIX) put('bgp.evpn.nlri.prefix_len', ipBits);
  if (ipOctets === 4) put('bgp.evpn.nlri.ip.addr', formatIpv4(view, ipAt));
  if (ipOctets === 16) put('bgp.evpn.nlri.ipv6.addr', formatIpv6(view, ipAt));
  if (gatewayAt === -1) return;
  if (ipOctets === 4) put('bgp.evpn.nlri.ipv4.gtw_addr', formatIpv4(view, gatewayAt));
  else put('bgp.evpn.nlri.ipv6.gtw_addr', formatIpv6(view, gatewayAt));
}
