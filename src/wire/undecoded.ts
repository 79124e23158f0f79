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

const ETHERTYPES: Readonly<Record<number, string>> = {
  0x0842: 'wol',
  0x22ea: 'srp',
  0x22eb: 'erspan3',
  0x22f3: 'trill',
  0x4305: 'batman',
  0x6558: 'teb',
  0x8035: 'rarp',
  0x8137: 'ipx',
  0x880b: 'ppp',
  0x8847: 'mpls',
  0x8848: 'mpls',
  0x8863: 'pppoed',
  0x8864: 'pppoes',
  0x886c: 'hpext',
  0x888e: 'eapol',
  0x8892: 'pn_rt',
  0x88be: 'erspan',
  0x88cc: 'lldp',
  0x88e5: 'macsec',
  0x88f7: 'ptp',
  0x8809: 'slow',
  0x8902: 'cfm',
  0x8906: 'fcoe',
  0x894f: 'nsh',
  0x9000: 'loop',
};

const IP_PROTOCOLS: Readonly<Record<number, string>> = {
  2: 'igmp',
  9: 'igrp',
  33: 'dccp',
  46: 'rsvp',
  50: 'esp',
  51: 'ah',
  88: 'eigrp',
  89: 'ospf',
  94: 'ipip',
  97: 'etherip',
  103: 'pim',
  108: 'ipcomp',
  112: 'vrrp',
  115: 'l2tp',
  124: 'isis',
  132: 'sctp',
  135: 'mipv6',
  136: 'udplite',
  137: 'mpls',
};

/** Wireshark's name where there is one, else for example `ethertype-0x88b5`, `ip-protocol-253`, `link-type-195`. */
export function undecodedName(code: number): string {
  if (code === UNDECODED_LLC) return 'llc';
  if (code >= UNDECODED_LAYER) return LAYER_NAMES[code - UNDECODED_LAYER] ?? 'unknown';
  if (code >= UNDECODED_LINK_TYPE) return `link-type-${code - UNDECODED_LINK_TYPE}`;
  if (code >= UNDECODED_IP_PROTOCOL) {
    const protocol = code - UNDECODED_IP_PROTOCOL;
    return IP_PROTOCOLS[protocol] ?? `ip-protocol-${protocol}`;
  }
  return ETHERTYPES[code] ?? `ethertype-0x${code.toString(16).padStart(4, '0')}`;
}
