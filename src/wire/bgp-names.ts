/** What the numbers in BGP messages are called. A number without a name here stays visible: `unknown(37)`. */

const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'OPEN',
  2: 'UPDATE',
  3: 'NOTIFICATION',
  4: 'KEEPALIVE',
  5: 'ROUTE-REFRESH',
};

/** IANA "BGP Error (Notification) Codes" and their subcodes. */
const ERRORS: Readonly<Record<number, { readonly name: string; readonly subcodes: Readonly<Record<number, string>> }>> =
  {
    1: {
      name: 'Message Header Error',
      subcodes: { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
    },
    2: {
      name: 'OPEN Message Error',
      subcodes: {
        1: 'Unsupported Version Number',
        2: 'Bad Peer AS',
        3: 'Bad BGP Identifier',
        4: 'Unsupported Optional Parameter',
        6: 'Unacceptable Hold Time',
        7: 'Unsupported Capability',
        11: 'Role Mismatch',
      },
    },
    3: {
      name: 'UPDATE Message Error',
      subcodes: {
        1: 'Malformed Attribute List',
        2: 'Unrecognized Well-known Attribute',
        3: 'Missing Well-known Attribute',
        4: 'Attribute Flags Error',
        5: 'Attribute Length Error',
        6: 'Invalid ORIGIN Attribute',
        8: 'Invalid NEXT_HOP Attribute',
        9: 'Optional Attribute Error',
        10: 'Invalid Network Field',
        11: 'Malformed AS_PATH',
      },
    },
    4: { name: 'Hold Timer Expired', subcodes: {} },
    5: {
      name: 'Finite State Machine Error',
      subcodes: { 1: 'Unexpected in OpenSent', 2: 'Unexpected in OpenConfirm', 3: 'Unexpected in Established' },
    },
    6: {
      name: 'Cease',
      subcodes: {
        1: 'Maximum Number of Prefixes Reached',
        2: 'Administrative Shutdown',
        3: 'Peer De-configured',
        4: 'Administrative Reset',
        5: 'Connection Rejected',
        6: 'Other Configuration Change',
        7: 'Connection Collision Resolution',
        8: 'Out of Resources',
        9: 'Hard Reset',
        10: 'BFD Down',
      },
    },
    7: { name: 'ROUTE-REFRESH Message Error', subcodes: { 1: 'Invalid Message Length' } },
    8: { name: 'Send Hold Timer Expired', subcodes: {} },
  };

/** IANA "Capability Codes". */
const CAPABILITY_NAMES: Readonly<Record<number, string>> = {
  1: 'multiprotocol',
  2: 'route-refresh',
  3: 'outbound-route-filtering',
  5: 'extended-next-hop',
  6: 'extended-message',
  9: 'role',
  64: 'graceful-restart',
  65: 'four-octet-as',
  67: 'dynamic-capability',
  69: 'add-path',
  70: 'enhanced-route-refresh',
  71: 'long-lived-graceful-restart',
  73: 'fqdn',
  75: 'software-version',
};

/** IANA "BGP Path Attributes". */
const ATTRIBUTE_NAMES: Readonly<Record<number, string>> = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MULTI_EXIT_DISC',
  5: 'LOCAL_PREF',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  9: 'ORIGINATOR_ID',
  10: 'CLUSTER_LIST',
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  16: 'EXTENDED_COMMUNITIES',
  17: 'AS4_PATH',
  18: 'AS4_AGGREGATOR',
  22: 'PMSI_TUNNEL',
  23: 'TUNNEL_ENCAPSULATION',
  26: 'AIGP',
  32: 'LARGE_COMMUNITY',
  35: 'ONLY_TO_CUSTOMER',
  40: 'PREFIX_SID',
};

const AFI_NAMES: Readonly<Record<number, string>> = { 1: 'ipv4', 2: 'ipv6', 25: 'l2vpn', 16388: 'link-state' };
const SAFI_NAMES: Readonly<Record<number, string>> = {
  1: 'unicast',
  2: 'multicast',
  4: 'labeled-unicast',
  65: 'vpls',
  70: 'evpn',
  128: 'vpn',
  133: 'flowspec',
};

/** RFC 7432 section 7 and RFC 9136. */
const EVPN_NAMES: Readonly<Record<number, string>> = {
  1: 'ethernet-auto-discovery',
  2: 'mac-ip-advertisement',
  3: 'inclusive-multicast',
  4: 'ethernet-segment',
  5: 'ip-prefix',
};

export function bgpTypeName(type: number): string {
  return TYPE_NAMES[type] ?? `unknown(${type})`;
}

export function bgpErrorName(code: number): string {
  return ERRORS[code]?.name ?? `unknown(${code})`;
}

/** Empty for subcode 0, which says nothing more (RFC 4271 section 4.5). */
export function bgpSubcodeName(code: number, subcode: number): string {
  return ERRORS[code]?.subcodes[subcode] ?? (subcode === 0 ? '' : `unknown(${subcode})`);
}

export function bgpCapabilityName(code: number): string {
  return CAPABILITY_NAMES[code] ?? `unknown(${code})`;
}

export function bgpAttributeName(code: number): string {
  return ATTRIBUTE_NAMES[code] ?? `unknown(${code})`;
}

/** For example `ipv4 unicast`, `l2vpn evpn`. */
export function bgpFamilyName(afi: number, safi: number): string {
  return `${AFI_NAMES[afi] ?? `unknown(${afi})`} ${SAFI_NAMES[safi] ?? `unknown(${safi})`}`;
}

export function bgpEvpnName(type: number): string {
  return EVPN_NAMES[type] ?? `unknown(${type})`;
}
