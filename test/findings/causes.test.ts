import fc from 'fast-check';
import { Layer } from '../../src/wire/layers.js';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/findings/catalogue.js';
import { CAUSE_KINDS, causesOf } from '../../src/findings/causes/index.js';
import type { Break, BreakError } from '../../src/findings/break.js';
import { icmpError, ipv4, ethernet, udp } from '../support/packets.js';
import { BETWEEN, ETH, INWARD, OCTETS, OUTWARD, PLAIN, point, TUNNEL } from './break-support.js';
import { ENDPOINT, Lab, POD } from './encapsulation-support.js';
import { runs } from '../support/runs.js';

function error(fields: Partial<BreakError>): BreakError {
  const packet = { src: 1, dst: 2, protocol: 17, ipId: 1, length: 100 };
  const kept = {
    point: 0,
    file: 0,
    frame: 1,
    seconds: 0,
    nanoseconds: 0,
    octets: new Uint8Array(0),
    originalLength: 0,
    linkType: 1,
    decodeInto: () => undefined,
  };
  return {
    type: 3,
    code: 1,
    mtu: 0,
    sender: '192.0.2.2',
    quotesTunnel: false,
    byOuterDestination: false,
    byNode: true,
    delay: 50e3,
    error: {
      ...{ kept, time: 0, sender: 1, receiver: 2, ttl: 64, type: 3, code: 1, mtu: 0 },
      ...{ outer: packet, outerPort: 4789, inner: null },
    },
    ...fields,
  };
}

/** The same without ports and number. */
const IPIP: Partial<Break> = {
  tunnel: { kind: Layer.IP, src: 1, dst: 2, destinationPort: -1, id: -1 },
  outerSourcePort: 0,
  outerPort: null,
};

function first(change: Partial<Break>): string | undefined {
  return causesOf({ ...PLAIN, ...change })[0]?.kind;
}

const outer = OCTETS.outer!;

describe('what was last seen and not seen, and the first cause', () => {
  it.each<[string, Partial<Break>]>([
    // underlay to tunnel device, on the receiving node
    ['vxlan-port-mismatch', { error: error({ code: 3, quotesTunnel: true, byOuterDestination: true }) }],
    ['host-firewall-reject', { error: error({ code: 13, quotesTunnel: true, byOuterDestination: true }) }],
    ['host-firewall-reject', { error: error({ code: 10, quotesTunnel: true, byOuterDestination: true }) }],
    ['vxlan-udp-checksum-bad', { octets: { ...OCTETS, outer: { ...outer, checksum: 'bad' } } }],
    ['vxlan-vni-mismatch', { vnis: new Set([1]) }],
    ['vxlan-vni-mismatch', { deviceVni: 1 }],
    ['vxlan-reserved-bits', { octets: { ...OCTETS, outer: { ...outer, flags: 0x88, isPlain: false } } }],
    ['vxlan-ecn-ce-drop', { octets: { ...OCTETS, outer: { ...outer, ecn: 3 } } }],
    ['vxlan-source-not-allowed', { strangeSource: true, knownPeers: ['192.0.2.9'] }],
    ['vxlan-source-not-allowed', { isCalico: true }],
    ['ipip-source-not-allowed', { ...IPIP, strangeSource: true }],
    [
      'ipip-source-not-allowed',
      { ...IPIP, isCalico: true, vnis: new Set([4096]), ports: new Set([4789]), deviceVni: 4096 },
    ],
    ['host-firewall-drop', { ...IPIP, sourceAccepted: true }],
    ['vxlan-src-mac-self', { octets: { ...OCTETS, sourceMac: 2 } }],
    ['mtu-outer-fragments-lost', { octets: { ...OCTETS, outer: { ...outer, isFragment: true } } }],
    ['host-firewall-drop', {}],
    ['host-firewall-drop', { strangeSource: true, sourceAccepted: true }],
    // tunnel device to the pod
    ['vtep-mac-mismatch', { ...INWARD, vtepMacs: new Set([0x660000000001]) }],
    ['inner-ip-checksum-bad', { ...INWARD, octets: { ...OCTETS, innerChecksum: 'bad', outer: null } }],
    ['ttl-expired-loop', { ...INWARD, ttl: 1 }],
    ['ttl-expired-loop', { ...INWARD, passages: [60, 58, 56] }],
    ['pod-gone-arp-fail', { ...INWARD, error: error({ delay: 3.07e9 }) }],
    ['pod-gone-arp-fail', { ...INWARD, unansweredArp: 3 }],
    ['route-unreachable', { ...INWARD, error: error({}) }],
    ['route-missing', { ...INWARD, error: error({ code: 0 }) }],
    ['route-blackhole', { ...INWARD, others: 5, destinationSilent: true }],
    ['netpol-drop', { ...INWARD, others: 5 }],
    ['ip-forward-off', INWARD],
    // the pod's side of the sending node
    ['ip-forward-off', OUTWARD],
    ['netpol-drop', { ...OUTWARD, others: 5 }],
    ['route-missing', { ...OUTWARD, error: error({ code: 0 }) }],
    ['vxlan-fdb-missing', { ...OUTWARD, last: TUNNEL, next: ETH }],
    // between nodes
    ['vtep-return-unroutable', { ...BETWEEN, returnsElsewhere: true, outerReturn: '203.0.113.5' }],
    [
      'vtep-return-unroutable',
      { ...BETWEEN, direction: 'reply', error: error({ code: 0, quotesTunnel: true, byNode: false }) },
    ],
    ['vtep-ip-wrong', { ...BETWEEN, error: error({ code: 1, quotesTunnel: true, byNode: false }) }],
    ['underlay-blocks-tunnel', { ...BETWEEN, error: error({ code: 13, quotesTunnel: true, byNode: false }) }],
    ['mtu-blackhole-underlay', { ...BETWEEN, octets: { ...OCTETS, length: 1500 }, passedLength: 1450 }],
    ['underlay-blocks-tunnel', BETWEEN],
    ['ipip-blocked', { ...BETWEEN, ...IPIP }],
    ['nat-return-unroutable', { ...BETWEEN, tunnel: null, turnedBack: true }],
    ['nat-return-unroutable', { ...BETWEEN, last: point('gw', 'wan', 'unknown'), tunnel: null, turnedBack: true }],
  ])('%s', (kind, change) => {
    expect(first(change)).toBe(kind);
  });

  it('nothing that is said of IPIP speaks of ports or of VXLAN', () => {
    for (const at of [PLAIN, BETWEEN]) {
      for (const { kind, why, next } of causesOf({ ...PLAIN, ...at, ...IPIP, strangeSource: true, isCalico: true })) {
        expect([kind, why, next].join(' ')).not.toMatch(/vxlan|UDP port|4789|-1/i);
      }
    }
  });

  it('an error that quotes the tunnel says nothing of the pod', () => {
    expect(first({ ...INWARD, error: error({ quotesTunnel: true }) })).toBe('ip-forward-off');
  });

  it('what is shown leaves little to the others, which stay named', () => {
    const causes = causesOf({ ...PLAIN, error: error({ code: 13, quotesTunnel: true, byOuterDestination: true }) });
    expect(causes[0]!.likelihood).toBeGreaterThan(0.9);
    expect(
      causes
        .slice(1)
        .map(({ likelihood }) => likelihood)
        .every((likelihood) => likelihood < 0.2),
    ).toBe(true);
    expect(causes.map(({ kind }) => kind)).toContain('host-firewall-drop');
  });

  it('where VNIs differ from packet to packet none is foreign', () => {
    expect(first({ vnis: new Set([1, 2, 3, 4, 5]) })).toBe('host-firewall-drop');
  });
});

describe('any break', () => {
  const role = fc.constantFrom<Break['last']['role']>(
    'pod',
    'veth',
    'bridge',
    'tunnel',
    'underlay',
    'cooked',
    'unknown',
  );
  const side = fc.record({ role, node: fc.constantFrom('a', 'b', '') });
  const breaks = fc
    .record({
      last: side,
      next: side,
      sourceNode: fc.constantFrom('a', 'b', null),
      others: fc.nat(3),
      ttl: fc.nat(64),
      tunnel: fc.constantFrom(PLAIN.tunnel, null),
      strangeSource: fc.boolean(),
      sourceAccepted: fc.boolean(),
      returnsElsewhere: fc.boolean(),
      destinationSilent: fc.boolean(),
      turnedBack: fc.boolean(),
      isCalico: fc.boolean(),
      unansweredArp: fc.nat(4),
      unresolved: fc.constantFrom([], ['10.0.0.1']),
      vnis: fc.constantFrom(new Set<number>(), new Set([1]), new Set([4096])),
      octets: fc.constantFrom(OCTETS, null, { ...OCTETS, outer: null, innerChecksum: 'bad' as const }),
      error: fc.option(
        fc.record({
          type: fc.constantFrom(3, 11),
          code: fc.constantFrom(0, 1, 3, 4, 9, 13),
          quotesTunnel: fc.boolean(),
          byNode: fc.boolean(),
        }),
      ),
    })
    .map(({ last, next, error: about, ...rest }): Break => ({
      ...PLAIN,
      ...rest,
      last: point(last.node, 'x0', last.role),
      next: point(next.node, 'x1', next.role),
      node: last.node,
      outerReturn: rest.returnsElsewhere ? '203.0.113.5' : null,
      error: about === null ? null : error(about),
    }));

  it('has at most three causes, likeliest first, each with its reason and one command', () => {
    fc.assert(
      fc.property(breaks, (at) => {
        const causes = causesOf(at);
        expect(causes.length).toBeLessThanOrEqual(3);
        expect(new Set(causes.map(({ kind }) => kind)).size).toBe(causes.length);
        for (const [i, { likelihood, why, next }] of causes.entries()) {
          expect(likelihood).toBeGreaterThan(0);
          expect(likelihood).toBeLessThanOrEqual(causes[i - 1]?.likelihood ?? 1);
          expect(`${why} ${next}`).not.toMatch(/undefined|null|NaN/);
          expect(next).toMatch(/^[a-z]/);
        }
      }),
      runs(2000),
    );
  });
});

it('every cause has its entry in the catalogue', () => {
  const known = new Set(CATALOGUE.map(({ id }) => id));
  expect(CAUSE_KINDS.filter((kind) => !known.has(kind))).toEqual([]);
});

describe('breaks read off captures', () => {
  it('an ICMP error about another packet of the flow counts, as Linux sends few of them', async () => {
    const lab = new Lab().healthy();
    for (const [i, id] of [900, 902, 904].entries()) lab.ping(1e6 + i * 1e5, id, { until: 'b/vxlan.calico' });
    const quoted = ipv4(
      { src: POD.a, dst: POD.b, ttl: 63, id: 900 },
      udp({ srcPort: 1, dstPort: 2 }, new Uint8Array(0)),
    );
    const unrelated = ipv4({ src: POD.b, dst: ENDPOINT.a, id: 77 }, icmpError({ type: 3, code: 1 }, quoted));
    // Same addresses and number, another protocol: not about these packets.
    lab.at('b/vxlan.calico', 1e6 + 100, ethernet({}, unrelated));
    const { findings } = await lab.diagnose();
    const lost = findings.find(({ kind }) => kind === 'request-lost')!;
    expect(lost.causes.map(({ kind }) => kind)).not.toContain('route-unreachable');
  });
});
