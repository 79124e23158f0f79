import type { Break, Octets } from '../../src/findings/break.js';
import type { CapturePoint } from '../../src/net/points.js';
import { Layer } from '../../src/wire/layers.js';

export function point(node: string, name: string, role: CapturePoint['role']): CapturePoint {
  return { id: 0, name: `${node}/${name}`, node, interface: name, role, files: [] };
}

export const ETH = point('w2', 'eth0', 'underlay');
export const TUNNEL = point('w2', 'vxlan.calico', 'tunnel');
export const VETH = point('w2', 'cali1', 'veth');
export const BRIDGE = point('w2', 'cni0', 'bridge');

export const OCTETS: Octets = {
  innerChecksum: 'good',
  length: 134,
  sourceMac: 1,
  destinationMac: 2,
  frameDestinationMac: 3,
  ecn: 0,
  outer: { checksum: 'zero', ecn: 0, flags: 8, isPlain: true, isFragment: false },
};

/** A tunnel packet that came to w2/eth0 and not to the tunnel device; nothing speaks for any cause. */
export const PLAIN: Break = {
  last: ETH,
  next: TUNNEL,
  node: 'w2',
  sourceNode: 'w3',
  source: '10.244.1.2',
  destination: '10.244.2.2',
  direction: 'request',
  ttl: 63,
  protocol: 1,
  sourcePort: null,
  destinationPort: null,
  isOpening: false,
  others: 0,
  tunnel: { kind: Layer.VXLAN, src: 1, dst: 2, destinationPort: 4789, id: 4096 },
  outerSource: '192.0.2.3',
  outerDestination: '192.0.2.2',
  outerSourcePort: 40_000,
  outerPort: 4789,
  strangeSource: false,
  sourceAccepted: false,
  knownPeers: [],
  rewritten: null,
  returnsElsewhere: false,
  outerReturn: null,
  outerAway: null,
  error: null,
  octets: OCTETS,
  vtepMacs: new Set(),
  vnis: new Set(),
  ports: new Set(),
  deviceVni: null,
  isCalico: false,
  passedLength: 0,
  destinationSilent: false,
  unansweredArp: 0,
  unresolved: [],
  turnedBack: false,
  passages: [63],
};

export const INWARD: Partial<Break> = {
  last: TUNNEL,
  next: VETH,
  tunnel: null,
  outerSource: null,
  outerDestination: null,
  outerSourcePort: null,
  outerPort: null,
};
export const OUTWARD: Partial<Break> = { ...INWARD, last: BRIDGE, next: TUNNEL, sourceNode: 'w2' };
export const BETWEEN: Partial<Break> = { next: point('w3', 'eth0', 'underlay'), sourceNode: 'w2' };
