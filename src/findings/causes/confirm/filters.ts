// Rules of iptables and nft, and the sets that they name.
import type { AddressSet } from '../../../state/facts.js';
import { deviceOf, figureOf, linkOf, routeTo } from '../../../state/lookup.js';
import { applies, memberOf } from '../../../state/rules/match.js';
import type { Asked, Condition, Rule } from '../../../state/rules/rule.js';
import { Layer } from '../../../wire/layers.js';
import { endsOf, type End } from '../../../state/rules/walk.js';
import {
  arriving,
  asSeen,
  confirms,
  forwarded,
  isInside,
  isReceiving,
  NOTHING,
  refutes,
  type Scene,
  type Testimony,
} from './scene.js';

/** Chains that network policies are written to, by the plugins that write them. */
const POLICY_CHAIN = /^cali-|^cali\b|^KUBE-NWPLCY|^KUBE-POD-FW|^KUBE-ROUTER|^WEAVE-NPC|^CILIUM|^ANTREA/;
const ONE_HOST = /^[^/-]+$|\/(32|128)$/;
const MEMBERS = 4;

const isInvalid = ({ rule }: End): boolean =>
  rule?.conditions.some(({ field, values }) => field === 'state' && /invalid/i.test(values.join())) === true;
const isPolicy = (end: End): boolean => (POLICY_CHAIN.test(end.chain.name) || isAboutOne(end)) && !isInvalid(end);
/** What a rule asks for is one host's: no policy of a chain is that. */
const isAboutOne = ({ rule }: End): boolean =>
  rule?.conditions.some(
    ({ field, values, isNegated }) =>
      !isNegated && /^(source|destination)$/.test(field) && values.every((value) => ONE_HOST.test(value)),
  ) === true;

/** The FORWARD chain drops what no rule accepts. */
export function forwardPolicy(scene: Scene): readonly Testimony[] {
  return ofChain(scene, 'forward', forwarded(scene), ['drop', 'reject'], (end) => !isPolicy(end) && !isInvalid(end));
}

/** A chain of a network policy drops, or a rule about one host. */
export function networkPolicy(scene: Scene): readonly Testimony[] {
  return ofChain(scene, 'forward', forwarded(scene), ['drop', 'reject'], isPolicy);
}

/** A rule drops what conntrack calls INVALID. */
export function invalidDrop(scene: Scene): readonly Testimony[] {
  const asked = forwarded(scene);
  if (asked === null) return NOTHING;
  const rules = endsOf(scene.here, 'filter', 'forward', asked)
    .flat()
    .filter((end) => isInvalid(end) && end.kind === 'drop' && end.packets !== null);
  const [counted = rules[0]] = rules.filter(({ packets }) => packets! > 0);
  // It counts any packet of the node, so that it does not settle that it was this one.
  if (counted !== undefined) return [counted.packets! > 0 ? confirms(counted.at, null, false) : refutes(counted.at)];
  const invalid = figureOf(scene.here, 'conntrack invalid');
  const all = scene.here.figures.filter(({ name }) => name === 'conntrack invalid');
  return invalid !== null && all.every(({ value }) => value === 0) ? [refutes(invalid.at)] : NOTHING;
}

/** The node's own firewall, for tunnel packets that arrive and for those that leave. */
export function hostFirewallDrop(scene: Scene): readonly Testimony[] {
  if (isReceiving(scene.at)) {
    const asked = arriving(scene);
    return ofChain(scene, 'input', asked, ['drop'], (end) => guardOf(scene, end, asked!) === null);
  }
  return ofChain(scene, 'output', leaving(scene), ['drop', 'reject'], () => true);
}

export function hostFirewallReject(scene: Scene): readonly Testimony[] {
  const asked = arriving(scene);
  if (asked !== null) return ofChain(scene, 'input', asked, ['reject'], () => true);
  // A finding that knows the flow only: whichever chain refuses it.
  const flow = asSeen(scene);
  if (flow === null) return NOTHING;
  return (['input', 'forward', 'output'] as const)
    .flatMap((hook) => endsOf(scene.here, 'filter', hook, { ...flow, in: null, out: null, isLocal: hook === 'input' }))
    .flat()
    .filter(({ kind, isSure, packets }) => kind === 'reject' && isSure && packets !== 0)
    .map(({ at }) => confirms(at))
    .slice(0, 2);
}

export function vxlanSourceNotAllowed(scene: Scene): readonly Testimony[] {
  return scene.at.outerPort === null ? NOTHING : sourceNotAllowed(scene);
}

export function ipipSourceNotAllowed(scene: Scene): readonly Testimony[] {
  return scene.at.tunnel?.kind === Layer.IP ? sourceNotAllowed(scene) : NOTHING;
}

/** Only sources of a set are accepted on the tunnel's port, and the rest is dropped. */
function sourceNotAllowed(scene: Scene): readonly Testimony[] {
  const asked = arriving(scene);
  if (asked === null) return NOTHING;
  const { here } = scene;
  const ends = endsOf(here, 'filter', 'input', asked).flat();
  for (const end of ends) {
    const guard = end.kind === 'drop' && end.packets !== 0 ? guardOf(scene, end, asked) : null;
    if (guard === null) continue;
    const sets = setsOf(scene, guard).map((set) => confirms(set.at, notAmong(set, asked.source), end.isSure));
    return [confirms(end.at, null, end.isSure), ...sets, ...ownView(scene)];
  }
  for (const { kind, rule, isSure } of ends) {
    if (kind !== 'accept' || rule === null || !isSure) continue;
    const member = setsOf(scene, rule).flatMap((set) => membersOf(set, asked.source))[0];
    if (member !== undefined) return [refutes(member.at, `accepted by ${rule.at.file}:${rule.at.line}`)];
  }
  if (ends.length > 0) return NOTHING;
  // Without the rules: the sets that Felix keeps when VXLAN or IPIP is on.
  const kept = scene.at.outerPort === null ? /^cali4.*all-hosts-net/ : /^cali4.*all-vxlan-net/;
  return [...here.sets.values()].flatMap((set) => {
    if (!kept.test(set.name)) return [];
    const isMember = memberOf(here.sets, set.name, asked.source);
    const [member] = membersOf(set, asked.source);
    if (isMember === true && member !== undefined) return [refutes(member.at)];
    return isMember === false ? [confirms(set.at, notAmong(set, asked.source), false)] : [];
  });
}

/** Where the node's own tables say that the packet's source lives, if not where the packet comes from. */
function ownView({ here, at }: Scene): readonly Testimony[] {
  const route = at.source === null ? null : routeTo(here, at.source);
  if (route === null || route === 'none') return NOTHING;
  const device = deviceOf(route);
  if (device === null || linkOf(here, device, (link) => link.vxlan) === null) return NOTHING;
  const via = route.hops[0]?.via ?? at.source;
  const mac = here.neighbours.find((each) => each.address === via && each.device === device)?.mac;
  const entry = here.forwarding.find((each) => each.mac === mac && each.device === device);
  if (!entry?.destination || entry.destination === at.outerSource) return NOTHING;
  const note = `for the node, ${route.prefix} lives at ${entry.destination}, says ${entry.at.file}:${entry.at.line}`;
  return [confirms(route.at, note, false)];
}

/** What the packet meets in one chain: an end of the kind and of the sort asked for, or an end that lets it pass. */
function ofChain(
  scene: Scene,
  hook: 'input' | 'forward' | 'output',
  asked: Asked | null,
  kinds: readonly End['kind'][],
  isOfSort: (end: End) => boolean,
): readonly Testimony[] {
  if (asked === null) return NOTHING;
  const refutations: Testimony[] = [];
  for (const ends of endsOf(scene.here, 'filter', hook, asked)) {
    const drops = ends.filter((end) => kinds.includes(end.kind) && isOfSort(end));
    const hit = drops.find(({ packets, isSure }) => (packets === null ? isSure : packets > 0));
    // What does not count may stand there without having met anything.
    if (hit !== undefined) return [confirms(hit.at, null, hit.isSure && hit.packets !== null)];
    const last = ends[ends.length - 1];
    if (drops[0] !== undefined && drops[0].packets === 0)
      refutations.push(refutes(drops[0].at, 'it has dropped nothing', false));
    else if (last?.kind === 'accept') refutations.push(refutes(last.at, null, false));
  }
  return refutations.slice(0, 1);
}

/** The tunnel packet as the sending node makes it: from the device's own address to where its table points. */
function leaving({ here, at }: Scene): Asked | null {
  if (!isInside(at) || at.last!.role !== 'tunnel' || at.octets === null) return null;
  const vxlan = linkOf(here, at.last!.interface, (link) => link.vxlan)?.vxlan ?? null;
  const mac = at.octets.destinationMac;
  const entry = here.forwarding.find(
    (each) => each.device === at.last!.interface && parseInt(each.mac.replaceAll(':', ''), 16) === mac,
  );
  if (vxlan === null || vxlan.local === null || !entry?.destination) return null;
  return {
    in: null,
    out: at.next!.interface,
    source: vxlan.local,
    destination: entry.destination,
    protocol: 17,
    sourcePort: null,
    destinationPort: vxlan.port,
    state: null,
    isLocal: false,
  };
}

const isSource = ({ field, isNegated }: Condition): boolean =>
  !isNegated && (field === 'source' || field === 'sourceSet');

/** A rule before the one that drops, which accepts the same from other sources. */
function guardOf({ here }: Scene, { chain, rule }: End, asked: Asked): Rule | null {
  if (rule === null) return null;
  const before = chain.rules.slice(0, chain.rules.indexOf(rule));
  for (const each of before) {
    const sources = each.conditions.filter(isSource);
    if (each.target.kind !== 'accept' || sources.length === 0) continue;
    const rest = { ...each, conditions: each.conditions.filter((condition) => !isSource(condition)) };
    const isForPort = rest.conditions.some(({ field }) => field === 'destinationPort' || field === 'protocol');
    if (isForPort && applies(rest, asked, here.sets) === true && applies(each, asked, here.sets) === false) return each;
  }
  return null;
}

function setsOf({ here }: Scene, { conditions }: Rule): AddressSet[] {
  return conditions
    .filter(({ field, isNegated }) => field === 'sourceSet' && !isNegated)
    .flatMap(({ values }) => values.map((name) => here.sets.get(name)).filter((set) => set !== undefined));
}

function membersOf(set: AddressSet, address: string): AddressSet['members'] {
  const alone = { ...set, members: [] };
  return set.members.filter(
    (member) => memberOf(new Map([[set.name, { ...alone, members: [member] }]]), set.name, address) === true,
  );
}

function notAmong({ members }: AddressSet, address: string): string {
  if (members.length === 0) return `${address} is no member: the set is empty`;
  const some = members.slice(0, MEMBERS).map(({ text }) => text);
  return `${address} is none of its members ${some.join(', ')}${members.length > MEMBERS ? ', …' : ''}`;
}
