/**
 * Protocols that this library names and does not decode. A number, so that it fits a counter's key: an EtherType, or one of
 * the spaces below plus the value.
 */
import { LAYER_NAMES } from './layers.js';

export const UNDECODED_IP_PROTOCOL = 0x10000;
export const UNDECODED_LINK_TYPE = 0x20000;
export const UNDECODED_LAYER = 0x30000;
/** An 802.3 frame with a length where the EtherType would be: LLC (spanning tree, IS-IS, CDP). */
export const UNDECODED_LLC = 0x40000;
/** Protocol of a cooked header that is no EtherType: ETH_P_ of Linux. */
export const UNDECODED_LINUX = 0x50000;
/** Next protocol of VXLAN-GPE. */
export const UNDECODED_GPE = 0x60000;

const ETHERTYPES: Readonly<Record<number, string>> = {
  0x0806: 'arp',
  0x0842: 'wol',
  0x22ea: 'mrp-msrp',
  0x22eb: 'erspan',
  0x22f0: 'ieee1722',
  0x22f3: 'trill',
  0x22f4: 'isis',
  0x4305: 'batadv',
  0x6558: 'teb',
  0x8035: 'rarp',
  0x809b: 'llap',
  0x80f3: 'aarp',
  0x8137: 'ipx',
  0x8808: 'macc',
  0x8809: 'slow',
  0x880b: 'ppp',
  0x8847: 'mpls',
  0x8848: 'mpls',
  0x8863: 'pppoed',
  0x8864: 'pppoes',
  0x886c: 'hpna',
  0x888e: 'eapol',
  0x8892: 'pn_rt',
  0x88a2: 'aoe',
  0x88a4: 'ecatf',
  0x88be: 'erspan',
  0x88c7: 'eapol',
  0x88ca: 'tipc',
  0x88cc: 'lldp',
  0x88d9: 'lltd',
  0x88e1: 'homeplug-av',
  0x88e5: 'macsec',
  0x88e7: 'ieee8021ah',
  0x88ee: 'elmi',
  0x88f5: 'mrp-mvrp',
  0x88f6: 'mrp-mmrp',
  0x88f7: 'ptp',
  0x88f8: 'ncsi',
  0x88fb: 'hsr_prp_supervision',
  0x8902: 'cfm',
  0x8906: 'fcoe',
  0x8914: 'fip',
  0x8915: 'infiniband',
  0x8926: 'vntag',
  0x892f: 'hsr',
  0x893a: 'ieee1905',
  0x893f: 'etag',
  0x894f: 'nsh',
  0x9000: 'loop',
  0xaefe: 'ecpri',
};

const LINUX_PROTOCOLS: Readonly<Record<number, string>> = {
  0x01: 'ipx',
  0x04: 'llc',
  0x07: 'ppp',
  0x0c: 'can',
  0x0d: 'canfd',
  0x17: 'irlap',
  0xf6: 'wpan',
};

const IP_PROTOCOLS: Readonly<Record<number, string>> = {
  2: 'igmp',
  9: 'igrp',
  33: 'dccp',
  46: 'rsvp',
  48: 'dsr',
  50: 'esp',
  51: 'ah',
  54: 'nhrp',
  80: 'osi',
  88: 'eigrp',
  89: 'ospf',
  94: 'ipip',
  97: 'etherip',
  103: 'pim',
  108: 'ipcomp',
  112: 'vrrp',
  113: 'pgm',
  115: 'l2tp',
  124: 'isis',
  132: 'sctp',
  134: 'rsvp-e2ei',
  135: 'mipv6',
  136: 'udplite',
  137: 'mpls',
  139: 'hip',
  140: 'shim6',
};

/** LINKTYPE_ values of tcpdump.org. */
const LINK_TYPES: Readonly<Record<number, string>> = {
  6: 'tr',
  8: 'slip',
  9: 'ppp',
  10: 'fddi',
  50: 'ppp',
  51: 'pppoes',
  104: 'chdlc',
  105: 'wlan',
  107: 'fr',
  117: 'pflog',
  119: 'prism',
  127: 'radiotap',
  143: 'docsis',
  166: 'ppp',
  187: 'hci_h4',
  189: 'usb',
  192: 'ppi',
  195: 'wpan',
  197: 'erf',
  201: 'hci_h4',
  204: 'ppp',
  205: 'chdlc',
  206: 'fr',
  220: 'usb',
  226: 'ipnet',
  227: 'can',
  230: 'wpan',
  242: 'ipoib',
  247: 'infiniband',
  248: 'sctp',
  249: 'usb',
  251: 'btle',
  253: 'netlink',
  258: 'pktap',
  271: 'vsock',
  280: 'vpp',
  290: 'etw',
};

/** Wireshark's name where there is one, else for example `ethertype-0x88b5`, `ip-protocol-253`, `link-type-147`. */
export function undecodedName(code: number): string {
  if (code === UNDECODED_LLC) return 'llc';
  if (code >= UNDECODED_GPE) return `gpe-protocol-0x${(code - UNDECODED_GPE).toString(16).padStart(2, '0')}`;
  if (code >= UNDECODED_LINUX) {
    const protocol = code - UNDECODED_LINUX;
    return LINUX_PROTOCOLS[protocol] ?? `linux-protocol-${protocol}`;
  }
  if (code >= UNDECODED_LAYER) return LAYER_NAMES[code - UNDECODED_LAYER] ?? 'unknown';
  if (code >= UNDECODED_LINK_TYPE) {
    const linkType = code - UNDECODED_LINK_TYPE;
    return LINK_TYPES[linkType] ?? `link-type-${linkType}`;
  }
  if (code >= UNDECODED_IP_PROTOCOL) {
    const protocol = code - UNDECODED_IP_PROTOCOL;
    return IP_PROTOCOLS[protocol] ?? `ip-protocol-${protocol}`;
  }
  return ETHERTYPES[code] ?? `ethertype-0x${code.toString(16).padStart(4, '0')}`;
}
