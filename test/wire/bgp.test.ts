import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bgpAsOctets,
  bgpAsPath,
  BgpAttribute,
  bgpAttributes,
  bgpAttributesLength,
  bgpCapabilities,
  bgpCommunication,
  bgpEvpnRoutes,
  bgpHasFixed,
  BgpHeader,
  bgpLength,
  bgpNext,
  BgpNotification,
  bgpNotificationCode,
  bgpNotificationSubcode,
  BgpOpen,
  bgpOpenAs,
  bgpOpenHoldTime,
  bgpOpenIdentifierAt,
  bgpOpenParametersLength,
  bgpOpenVersion,
  bgpProblem,
  bgpReachable,
  bgpRefreshAfi,
  bgpRefreshSafi,
  bgpRefreshSubtype,
  BgpRouteRefresh,
  bgpRoutes,
  bgpType,
  bgpUnreachable,
  bgpWithdrawn,
  bgpWithdrawnLength,
  checkBgp,
  isEvpn,
  isIpUnicast,
} from '../../src/wire/bgp.js';
import { bgpPrefixes, type BgpPrefix } from '../../src/wire/bgp-prefixes.js';
import {
  bgpAttributeName,
  bgpCapabilityName,
  bgpErrorName,
  bgpEvpnName,
  bgpFamilyName,
  bgpSubcodeName,
  bgpTypeName,
} from '../../src/wire/bgp-names.js';
import { PROBLEMS } from '../../src/wire/problems.js';
import { runs } from '../support/runs.js';

/** Octets in the middle of a larger buffer, so that an offset that forgets its base is seen. */
function place(hex: string, before = 5): { view: DataView; at: number; end: number } {
  const octets = Buffer.from(hex, 'hex');
  const view = new DataView(new ArrayBuffer(before + octets.length + 40));
  octets.forEach((value, index) => view.setUint8(before + index, value));
  return { view, at: before, end: before + octets.length };
}

function problemOf(hex: string): { code: string; at: number } | null {
  const { view, at, end } = place(hex);
  const found = bgpProblem(view, at, end);
  return found === -1 ? null : { code: PROBLEMS[found & 0xff]!, at: found >> 8 };
}

const MARKER = 'ff'.repeat(16);

function message(type: number, body: string, length = 19 + body.length / 2): string {
  return MARKER + length.toString(16).padStart(4, '0') + type.toString(16).padStart(2, '0') + body;
}

function update(withdrawn: string, attributes: string, routes: string): string {
  const size = (hex: string) => (hex.length / 2).toString(16).padStart(4, '0');
  return message(2, size(withdrawn) + withdrawn + size(attributes) + attributes + routes);
}

function prefixText(view: DataView, { at, bits }: BgpPrefix): string {
  const octets = Array.from({ length: (bits + 7) >> 3 }, (_, index) => view.getUint8(at + index));
  return `${octets.join('.')}/${bits}`;
}

// Values expected of these messages are those that tshark 4.0.17 and tcpdump 4.99.3 print.
const OPEN = MARKER + '003901045ba0005a0a0000011c021a0104000100010104000200010200400240784104fa56ea014600';
const UPDATE =
  MARKER +
  '0059020004180af40700314001010040020a02020000fc00fa56ea01400304c0a803018004040000003240050400000064' +
  'c00808fc000064ffffff011a0af406000d0af020c0a80309';
const UPDATE_2_OCTETS = MARKER + '0039020000001f40010102400208020300c85ba000014003040a000009c0110602010003640e100a09';
const UPDATE_IPV6 =
  MARKER +
  '0051020000003a900e002f00020120fd000000000000000000000000000001fe800000000000000000000000000001' +
  '0040fd000010024400060040010100400200';
const WITHDRAW_IPV6 = MARKER + '0026020000000f800f0c00020140fd00001002440007';
const UPDATE_EVPN =
  MARKER +
  '0061020000004a900e003f001946040a00000100031100010a000001000700000000200a000001' +
  '022100010a000001000700000000000000000000000000003066d1b24a0ce10000006440010100400200';
const SHUTDOWN = MARKER + '00340306021e6d61696e74656e616e636520e28093207265746f757220c3a02031382068';
const BAD_PEER_AS = MARKER + '0017030202fc01';
const REFRESH = MARKER + '00170500010001';
const KEEPALIVE = MARKER + '001304';
const SAMPLES = [
  OPEN,
  UPDATE,
  UPDATE_2_OCTETS,
  UPDATE_IPV6,
  WITHDRAW_IPV6,
  UPDATE_EVPN,
  SHUTDOWN,
  BAD_PEER_AS,
  REFRESH,
  KEEPALIVE,
];

describe('layout, typed again from the RFCs', () => {
  it('has the header of RFC 4271 section 4.1', () => {
    expect((['marker', 'length', 'type'] as const).map((field) => BgpHeader.offsetOf(field))).toEqual([0, 16, 18]);
    expect(BgpHeader.span).toBe(19);
  });

  it('has the bodies of RFC 4271 sections 4.2 and 4.5 and RFC 2918 section 3', () => {
    const open = ['version', 'as', 'holdTime', 'identifier', 'parametersLength'] as const;
    expect(open.map((field) => BgpOpen.offsetOf(field))).toEqual([0, 1, 3, 5, 9]);
    expect((['code', 'subcode'] as const).map((field) => BgpNotification.offsetOf(field))).toEqual([0, 1]);
    expect((['afi', 'subtype', 'safi'] as const).map((field) => BgpRouteRefresh.offsetOf(field))).toEqual([0, 2, 3]);
  });
});

describe('messages', () => {
  it('are all sound', () => {
    for (const sample of SAMPLES) {
      const { view, at, end } = place(sample);
      expect(checkBgp(view, at, end)).toBe(-1);
      expect(bgpHasFixed(view, at, end)).toBe(true);
      expect(bgpLength(view, at)).toBe(sample.length / 2);
      expect(problemOf(sample)).toBeNull();
    }
  });

  it('follow each other in a segment', () => {
    const { view, at, end } = place(KEEPALIVE + UPDATE + KEEPALIVE + OPEN.slice(0, 60));
    const types: number[] = [];
    for (let next = at; next !== -1; next = bgpNext(view, next, end)) types.push(bgpType(view, next));
    expect(types).toEqual([4, 2, 4, 1]);
    expect(bgpProblem(view, at, end)).toBe(-1);
  });

  it('are no problem when the segment ends within one', () => {
    for (const sample of SAMPLES) {
      for (let cut = 2; cut < sample.length; cut += 2) expect(problemOf(KEEPALIVE + sample.slice(0, -cut))).toBeNull();
    }
  });
});

describe('OPEN', () => {
  const { view, at, end } = place(OPEN);

  it('has its fixed fields', () => {
    expect(bgpOpenVersion(view, at)).toBe(4);
    expect(bgpOpenAs(view, at)).toBe(23456);
    expect(bgpOpenHoldTime(view, at)).toBe(90);
    expect(view.getUint32(bgpOpenIdentifierAt(at))).toBe(0x0a000001);
    expect(bgpOpenParametersLength(view, at)).toBe(28);
  });

  it('has its capabilities, the 4-octet AS number among them', () => {
    const capabilities = [...bgpCapabilities(view, at, end)];
    expect(capabilities.map(({ code }) => code)).toEqual([1, 1, 2, 64, 65, 70]);
    expect(capabilities.map((capability) => capability.end - capability.at)).toEqual([4, 4, 0, 2, 4, 0]);
    expect(view.getUint32(capabilities[4]!.at)).toBe(4200000001);
    expect(bgpCapabilityName(65)).toBe('four-octet-as');
  });

  it('gives the capabilities before the place where it was cut', () => {
    expect([...bgpCapabilities(view, at, end - 3)].map(({ code }) => code)).toEqual([]);
    // One parameter for each capability, as RFC 5492 section 4 allows too
    const apart = place(message(1, '04fc00005a0a000001' + '0c' + '02020200' + '0206' + '41040000fc00'));
    const codes = (cut: number) => [...bgpCapabilities(apart.view, apart.at, apart.end - cut)].map(({ code }) => code);
    expect([codes(0), codes(1), codes(9)]).toEqual([[2, 65], [2], []]);
  });

  it('cut before the parameters that it announces has no capabilities, whatever the octets after it', () => {
    // 255 octets of parameters are also the mark of RFC 9072, whose second octet was not captured
    const octets = Uint8Array.from(Buffer.from(message(1, '04fc00005a0a000001ff', 0x129), 'hex'));
    const view = new DataView(octets.buffer);
    expect([...bgpCapabilities(view, 0, octets.length)]).toEqual([]);
  });

  it('reads parameters with two octets of length (RFC 9072 section 2)', () => {
    const capability = '41040000fc00';
    const parameters = '02' + '0006' + capability;
    const extended = message(1, '04fc00005a0a000001' + 'ff' + 'ff' + '0009' + parameters);
    const placed = place(extended);
    expect(problemOf(extended)).toBeNull();
    expect([...bgpCapabilities(placed.view, placed.at, placed.end)].map(({ code }) => code)).toEqual([65]);
    expect(problemOf(message(1, '04fc00005a0a000001' + 'ff' + 'ff' + '000a' + parameters))?.code).toBe('bgp-length');
  });
});

describe('UPDATE', () => {
  it('has withdrawn routes, attributes and routes', () => {
    const { view, at, end } = place(UPDATE);
    expect(bgpWithdrawnLength(view, at)).toBe(4);
    expect(bgpAttributesLength(view, at, end)).toBe(49);
    expect([...bgpWithdrawn(view, at, end)].map((prefix) => prefixText(view, prefix))).toEqual(['10.244.7/24']);
    expect([...bgpRoutes(view, at, end)].map((prefix) => prefixText(view, prefix))).toEqual([
      '10.244.6.0/26',
      '10.240/13',
      '192.168.3.9/32',
    ]);
    const attributes = [...bgpAttributes(view, at, end)];
    expect(attributes.map(({ code }) => code)).toEqual([1, 2, 3, 4, 5, 8]);
    expect(attributes.map(({ flags }) => flags)).toEqual([0x40, 0x40, 0x40, 0x80, 0x40, 0xc0]);
    expect(attributes.map((attribute) => attribute.end - attribute.at)).toEqual([1, 10, 4, 4, 4, 8]);
    expect(view.getUint32(attributes[2]!.at)).toBe(0xc0a80301);
    const path = attributes[1]!;
    expect(bgpAsOctets(view, path.at, path.end)).toBe(4);
    expect(bgpAsPath(view, path.at, path.end, 4)).toEqual([{ type: 2, numbers: [64512, 4200000001] }]);
  });

  it('whose lengths are too large for it announces and withdraws nothing (RFC 4271 section 6.3)', () => {
    const lying = place(message(2, 'ffff' + '0000' + '180af407'));
    expect([...bgpWithdrawn(lying.view, lying.at, lying.end)]).toEqual([]);
    expect([...bgpRoutes(lying.view, lying.at, lying.end)]).toEqual([]);
    const attributes = place(message(2, '0000' + 'ffff' + '40010100' + '180af407'));
    expect([...bgpAttributes(attributes.view, attributes.at, attributes.end)]).toEqual([]);
    expect([...bgpRoutes(attributes.view, attributes.at, attributes.end)]).toEqual([]);
  });

  it('finds AS numbers of two octets by what fits', () => {
    const { view, at, end } = place(UPDATE_2_OCTETS);
    const [, path, , as4] = [...bgpAttributes(view, at, end)];
    expect(bgpAsOctets(view, path!.at, path!.end)).toBe(2);
    expect(bgpAsPath(view, path!.at, path!.end, 2)).toEqual([{ type: 2, numbers: [200, 23456, 1] }]);
    expect(as4!.code).toBe(BgpAttribute.AS4_PATH);
    expect(bgpAsPath(view, as4!.at, as4!.end, 4)).toEqual([{ type: 2, numbers: [222222] }]);
  });

  it('has routes of IPv6', () => {
    const { view, at, end } = place(UPDATE_IPV6);
    const [reach] = bgpAttributes(view, at, end);
    const routes = bgpReachable(view, reach!.at, reach!.end)!;
    expect(routes).toMatchObject({ afi: 2, safi: 1, nextHopLength: 32 });
    expect(isIpUnicast(routes)).toBe(true);
    expect(view.getUint16(routes.nextHopAt)).toBe(0xfd00);
    expect(view.getUint16(routes.nextHopAt + 16)).toBe(0xfe80);
    const prefixes = [...bgpPrefixes(view, routes.at, routes.end, 128)];
    expect(prefixes.map(({ bits }) => bits)).toEqual([64, 0]);
    expect(view.getUint32(prefixes[0]!.at + 4)).toBe(0x02440006);

    const withdrawal = place(WITHDRAW_IPV6);
    const [unreach] = bgpAttributes(withdrawal.view, withdrawal.at, withdrawal.end);
    const withdrawn = bgpUnreachable(withdrawal.view, unreach!.at, unreach!.end)!;
    expect(withdrawn).toMatchObject({ afi: 2, safi: 1 });
    expect([...bgpPrefixes(withdrawal.view, withdrawn.at, withdrawn.end, 128)].map(({ bits }) => bits)).toEqual([64]);
  });

  it('names EVPN routes', () => {
    const { view, at, end } = place(UPDATE_EVPN);
    const [reach] = bgpAttributes(view, at, end);
    const routes = bgpReachable(view, reach!.at, reach!.end)!;
    expect(isEvpn(routes)).toBe(true);
    expect(bgpFamilyName(routes.afi, routes.safi)).toBe('l2vpn evpn');
    expect([...bgpEvpnRoutes(view, routes)].map(({ code }) => bgpEvpnName(code))).toEqual([
      'inclusive-multicast',
      'mac-ip-advertisement',
    ]);
  });
});

describe('NOTIFICATION and ROUTE-REFRESH', () => {
  it('says why, in words of the operator (RFC 9003)', () => {
    const { view, at, end } = place(SHUTDOWN);
    expect([bgpNotificationCode(view, at), bgpNotificationSubcode(view, at)]).toEqual([6, 2]);
    expect([bgpErrorName(6), bgpSubcodeName(6, 2)]).toEqual(['Cease', 'Administrative Shutdown']);
    const text = bgpCommunication(view, at, end)!;
    expect(Buffer.from(view.buffer, text.at, text.end - text.at).toString()).toBe('maintenance – retour à 18 h');
    expect(bgpCommunication(view, at, end - 1)).toBeNull();
  });

  it('has no words in other errors', () => {
    const { view, at, end } = place(BAD_PEER_AS);
    expect([bgpErrorName(2), bgpSubcodeName(2, 2)]).toEqual(['OPEN Message Error', 'Bad Peer AS']);
    expect(bgpCommunication(view, at, end)).toBeNull();
    const silent = place(message(3, '0602'));
    expect(bgpCommunication(silent.view, silent.at, silent.end)).toBeNull();
    expect(problemOf(message(3, '0602'))).toBeNull();
  });

  it('asks for a family', () => {
    const { view, at } = place(REFRESH);
    expect([bgpRefreshAfi(view, at), bgpRefreshSubtype(view, at), bgpRefreshSafi(view, at)]).toEqual([1, 0, 1]);
  });

  it('names what it knows and keeps what it does not', () => {
    expect([1, 2, 3, 4, 5, 9].map(bgpTypeName)).toEqual([
      'OPEN',
      'UPDATE',
      'NOTIFICATION',
      'KEEPALIVE',
      'ROUTE-REFRESH',
      'unknown(9)',
    ]);
    expect(bgpSubcodeName(4, 0)).toBe('');
    expect(bgpSubcodeName(6, 77)).toBe('unknown(77)');
    expect(bgpErrorName(99)).toBe('unknown(99)');
    expect(bgpAttributeName(200)).toBe('unknown(200)');
    expect(bgpFamilyName(7, 9)).toBe('unknown(7) unknown(9)');
  });
});

describe('problems', () => {
  it('finds a marker that is not all ones', () => {
    expect(problemOf('fe' + KEEPALIVE.slice(2))).toEqual({ code: 'bgp-marker', at: 0 });
    expect(problemOf(KEEPALIVE + KEEPALIVE + '00' + KEEPALIVE.slice(2))).toEqual({ code: 'bgp-marker', at: 38 });
    expect(problemOf(KEEPALIVE + 'ffff00')).toEqual({ code: 'bgp-marker', at: 19 });
  });

  it('finds lengths that a type cannot have, zero among them', () => {
    for (const [type, length] of [
      [4, 0],
      [4, 18],
      [4, 20],
      [1, 28],
      [2, 22],
      [3, 20],
      [5, 22],
      [9, 18],
    ] as const) {
      expect(problemOf(message(type, '00'.repeat(40), length))).toEqual({ code: 'bgp-length', at: 16 });
    }
    expect(problemOf(message(9, ''))).toBeNull();
  });

  it('finds lying lengths in OPEN', () => {
    const fixed = '04fc00005a0a000001';
    expect(problemOf(message(1, fixed + '01'))).toEqual({ code: 'bgp-length', at: 28 });
    expect(problemOf(message(1, fixed + '00' + '0200'))).toEqual({ code: 'bgp-length', at: 28 });
    expect(problemOf(message(1, fixed + '02' + '0201'))).toEqual({ code: 'bgp-length', at: 29 });
    expect(problemOf(message(1, fixed + '04' + '02024105'))).toEqual({ code: 'bgp-length', at: 31 });
    expect(problemOf(message(1, fixed + '06' + '020441020000'))).toEqual({ code: 'bgp-length', at: 31 });
    expect(problemOf(message(1, fixed + '01' + '02'))).toEqual({ code: 'bgp-length', at: 29 });
  });

  it('finds lying lengths in UPDATE', () => {
    expect(problemOf(message(2, 'ffff0000'))).toEqual({ code: 'bgp-length', at: 19 });
    expect(problemOf(message(2, '0001' + '0000'))).toEqual({ code: 'bgp-length', at: 19 });
    expect(problemOf(message(2, '0000' + '0001'))).toEqual({ code: 'bgp-length', at: 21 });
    expect(problemOf(update('21' + '0a00000000', '', ''))).toEqual({ code: 'bgp-length', at: 21 });
    expect(problemOf(update('', '', '180a'))).toEqual({ code: 'bgp-length', at: 23 });
    expect(problemOf(update('', '4001', ''))).toEqual({ code: 'bgp-length', at: 23 });
    expect(problemOf(update('', '400105', ''))).toEqual({ code: 'bgp-length', at: 23 });
    expect(problemOf(update('', '50010001', ''))).toEqual({ code: 'bgp-length', at: 23 });
    expect(problemOf(update('', '', ''))).toBeNull();
  });

  it('finds attributes of a length that their type cannot have', () => {
    for (const attribute of [
      '40010200' + '00',
      '400303' + '0a0000',
      '80040100',
      '4005050000006400',
      '40060100',
      'c0070500fc0a0000',
      'c00803000000',
      '80090300' + '0000',
      '800a03000000',
      'c0110300' + '0000',
      '4002020205',
      '40020400' + '000000',
      '800e0400020110',
      '800e0500020120' + '00',
      '800f020002',
    ]) {
      expect(problemOf(update('', attribute, '')), attribute).toEqual({ code: 'bgp-length', at: 23 });
    }
    expect(problemOf(update('', '800f05000201' + '8100', ''))).toEqual({ code: 'bgp-length', at: 29 });
  });

  it('finds a text longer than the message that holds it', () => {
    expect(problemOf(message(3, '0602' + '05' + '61626364'))).toEqual({ code: 'bgp-length', at: 21 });
    expect(problemOf(message(3, '0602' + '04' + '61626364'))).toBeNull();
    expect(problemOf(message(3, '0605' + '05' + '61626364'))).toBeNull();
  });
});

describe('hostile octets', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(
        fc.array(fc.constantFrom(...SAMPLES), { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(250), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([samples, changes]) => {
        const changed = new Uint8Array(Buffer.from(samples.join(''), 'hex'));
        for (const [at, value] of changes) if (at < changed.length && at > 15) changed[at] = value;
        return changed;
      }),
  );

  it('never makes a reader throw, read past the end or go on for ever', () => {
    fc.assert(
      fc.property(octets, (segment) => {
        // The view ends with the segment: a read past the end throws.
        const view = new DataView(segment.buffer, segment.byteOffset, segment.length);
        const end = segment.length;
        bgpProblem(view, 0, end);
        for (let at = 0; at !== -1 && checkBgp(view, at, end) === -1; at = bgpNext(view, at, end)) {
          if (!bgpHasFixed(view, at, end)) continue;
          const last = Math.min(end, at + bgpLength(view, at));
          const items: { end: number }[] = [];
          switch (bgpType(view, at)) {
            case 1:
              items.push(...bgpCapabilities(view, at, end));
              break;
            case 2:
              for (const prefix of [...bgpWithdrawn(view, at, end), ...bgpRoutes(view, at, end)]) {
                items.push({ end: prefix.at + ((prefix.bits + 7) >> 3) });
              }
              for (const attribute of bgpAttributes(view, at, end)) {
                items.push(attribute);
                bgpAsPath(view, attribute.at, attribute.end, bgpAsOctets(view, attribute.at, attribute.end));
                const routes = bgpReachable(view, attribute.at, attribute.end);
                if (routes !== null) items.push(...bgpEvpnRoutes(view, routes));
                bgpUnreachable(view, attribute.at, attribute.end);
              }
              break;
            case 3:
              items.push(...[bgpCommunication(view, at, end)].filter((text) => text !== null));
              break;
          }
          for (const item of items) expect(item.end).toBeLessThanOrEqual(last);
        }
      }),
      runs(2000),
    );
  });

  it('goes through 64 KiB of the shortest parts in bounded time', () => {
    const octets = new Uint8Array(65_535).fill(0xff, 0, 16);
    const view = new DataView(octets.buffer);
    view.setUint16(16, 65_535);
    view.setUint8(18, 2);
    const start = performance.now();
    expect(bgpProblem(view, 0, octets.length)).toBe(-1);
    expect([...bgpRoutes(view, 0, octets.length)]).toHaveLength(65_535 - 23);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
