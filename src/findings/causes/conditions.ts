import type { Break } from '../break.js';
import { Layer } from '../../wire/layers.js';
import { isVxlanPort } from '../encapsulation/facts.js';

/** What may hold at the place where a packet was lost. */
export type Condition = (at: Break) => boolean;

export const always: Condition = () => true;
export const arpUnanswered: Condition = (at) => at.unansweredArp >= 2;
export const arpOnTunnel: Condition = (at) => at.last.role === 'tunnel' && at.unresolved.length > 0;
export const badInnerChecksum: Condition = (at) => at.octets?.innerChecksum === 'bad';
export const badOuterChecksum: Condition = (at) => at.octets?.outer?.checksum === 'bad';
export const congestionMark: Condition = (at) => at.octets?.outer?.ecn === 3 && at.octets.ecn === 0;
export const destinationSilent: Condition = (at) => at.destinationSilent;
export const exceedsPath: Condition = (at) => at.error?.type === 3 && at.error.code === 4;
export const foreignMac: Condition = (at) =>
  at.octets !== null &&
  at.vtepMacs.size > 0 &&
  isUnicastMac(at.octets.destinationMac) &&
  !at.vtepMacs.has(at.octets.destinationMac);
export const foreignPort: Condition = (at) => at.outerPort !== null && at.ports.size > 0 && !at.ports.has(at.outerPort);
// Cilium's VNIs are identities, which differ from packet to packet.
export const foreignVni: Condition = (at) =>
  at.tunnel !== null && at.tunnel.id >= 0 && at.vnis.size > 0 && at.vnis.size < 4 && !at.vnis.has(at.tunnel.id);
export const gatewaySilent: Condition = (at) => at.unresolved.length > 0;
export const hopsExhausted: Condition = (at) => at.ttl <= 1 || at.error?.type === 11 || at.passages.length >= 3;
export const incompleteFragments: Condition = (at) => at.octets?.outer?.isFragment === true;
/** An IPv4 packet in another one, without ports. */
export const inIpip: Condition = (at) => at.tunnel?.kind === Layer.IP;
export const inTunnel: Condition = (at) => at.tunnel !== null;
export const inVxlan: Condition = (at) => at.tunnel?.kind === Layer.VXLAN;
export const isReply: Condition = (at) => at.direction === 'reply';
export const largerThanWhatPassed: Condition = (at) =>
  at.octets !== null && at.passedLength > 0 && at.octets.length > at.passedLength && at.octets.length > 1200;
export const noneCross: Condition = (at) => at.others === 0;
export const nodeProhibits: Condition = (at) => isProhibited(at) && at.error!.byNode;
export const nodeUnreachableAtOnce: Condition = (at) =>
  isHostUnreachable(at) && at.error!.delay >= 0 && at.error!.delay < ARP_TIME;
export const nodeUnreachableLate: Condition = (at) => isHostUnreachable(at) && at.error!.delay >= ARP_TIME;
export const nodeWithoutRoute: Condition = (at) =>
  at.error?.type === 3 && at.error.code === 0 && !at.error.quotesTunnel;
export const notPlain: Condition = (at) => at.octets?.outer?.isPlain === false;
export const onlyOthersCross: Condition = (at) => at.others > 0;
export const ownMacAsSource: Condition = (at) =>
  at.octets !== null && at.octets.sourceMac >= 0 && at.octets.sourceMac === at.octets.destinationMac;
export const portUnreachable: Condition = (at) =>
  at.error?.type === 3 && at.error.code === 3 && at.error.byOuterDestination;
export const returnsElsewhere: Condition = (at) => at.returnsElsewhere;
export const routeUnreachableOnTheWay: Condition = (at) =>
  isUnreachable(at) && at.error!.quotesTunnel && !at.error!.byOuterDestination;
export const sourceAccepted: Condition = (at) => at.sourceAccepted;
export const strangeSource: Condition = (at) => at.strangeSource && !at.sourceAccepted;
export const translatedSource: Condition = (at) => at.rewritten !== null && !at.sourceAccepted;
export const turnedBack: Condition = (at) => at.turnedBack;
export const underlayProhibits: Condition = (at) =>
  isProhibited(at) && at.error!.quotesTunnel && !at.error!.byOuterDestination;
export const unusualPort: Condition = (at) => at.outerPort !== null && !isVxlanPort(at.outerPort);
export const unusualVni: Condition = (at) =>
  at.tunnel !== null &&
  at.tunnel.id >= 0 &&
  at.vnis.size === 0 &&
  at.deviceVni !== null &&
  at.deviceVni !== at.tunnel.id;
export const withCalico: Condition = (at) => at.isCalico;

export function all(...conditions: readonly Condition[]): Condition {
  return (at) => conditions.every((condition) => condition(at));
}

export function not(condition: Condition): Condition {
  return (at) => !condition(at);
}

/** Linux gives up after three ARP requests a second apart. */
const ARP_TIME = 2e9;

export function isProhibited(at: Break): boolean {
  return at.error?.type === 3 && [9, 10, 13].includes(at.error.code);
}

export function isUnreachable(at: Break): boolean {
  return at.error?.type === 3 && at.error.code <= 1;
}

/** The node itself says so of the packet inside. */
function isHostUnreachable(at: Break): boolean {
  return at.error?.type === 3 && at.error.code === 1 && !at.error.quotesTunnel && at.error.byNode;
}

function isUnicastMac(mac: number): boolean {
  return mac >= 0 && Math.floor(mac / 0x10000000000) % 2 === 0;
}

export function isNextTunnel(at: Break): boolean {
  return at.next.role === 'tunnel';
}

export function isVniUnknown(at: Break): boolean {
  return at.vnis.size === 0 && (at.deviceVni === null || at.deviceVni !== at.tunnel?.id);
}

export function isIpv6(address: string): boolean {
  return address.includes(':');
}
