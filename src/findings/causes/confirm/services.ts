// Translation, connection tracking, services and their endpoints.
import { figureOf, linkOf } from '../../../state/lookup.js';
import type { Asked } from '../../../state/rules/rule.js';
import { endsOf, type End } from '../../../state/rules/walk.js';
import { confirms, forwarded, NOTHING, refutes, type Scene, type Testimony } from './scene.js';

const FULL = 0.95;
const SPACIOUS = 0.8;
const isSource = ({ kind }: End): boolean => kind === 'masquerade' || kind === 'snat';

/** A rule that gives the node's address to what a pod sends outside. */
export function masquerade(scene: Scene): readonly Testimony[] {
  const asked = forwarded(scene);
  if (asked === null) return NOTHING;
  const out = scene.at.last?.interface ?? null;
  const lists = endsOf(scene.here, 'nat', 'postrouting', { ...asked, out });
  const rule = lists.flat().find((end) => isSource(end) && end.isSure);
  if (rule !== undefined) return [refutes(rule.at, null, false)];
  const passed = lists.map((ends) => ends[ends.length - 1]).find((end) => end?.kind === 'accept' && end.isSure);
  return passed === undefined ? NOTHING : [confirms(passed.at, `no rule before it translates ${asked.source}`)];
}

/** A rule that translates the tunnel's own packets, or a connection that was translated. */
export function tunnelTranslated({ saved, at }: Scene): readonly Testimony[] {
  const { outerSource, outerDestination, outerPort } = at;
  if (outerSource === null || outerDestination === null) return NOTHING;
  for (const node of saved.nodes.values()) {
    const entry = node.connections.find(
      ({ original, reply }) =>
        original.source === outerSource &&
        original.destination === outerDestination &&
        original.destinationPort === outerPort &&
        reply.destination !== outerSource,
    );
    if (entry !== undefined) return [confirms(entry.at)];
  }
  const asked: Asked = {
    ...{ in: null, out: null, source: outerSource, destination: outerDestination, protocol: 17 },
    ...{ sourcePort: null, destinationPort: outerPort, state: null, isLocal: false },
  };
  for (const node of saved.nodes.values()) {
    const rule = endsOf(node, 'nat', 'postrouting', asked)
      .flat()
      .find((end) => isSource(end) && (end.packets ?? 0) > 0);
    if (rule !== undefined) return [confirms(rule.at, null, false)];
  }
  return NOTHING;
}

/** Connections that are followed, and how many may be. */
export function tableFull({ here }: Scene): readonly Testimony[] {
  const most = figureOf(here, 'net.netfilter.nf_conntrack_max');
  const count = figureOf(here, 'net.netfilter.nf_conntrack_count');
  const drops = here.figures.filter(({ name }) => name === 'conntrack drop' || name === 'conntrack early_drop');
  const dropped = drops.find(({ value }) => value > 0);
  if (dropped !== undefined) return [confirms(dropped.at, null, false)];
  if (most === null || count === null || most.value === 0) return NOTHING;
  const share = count.value / most.value;
  if (share >= FULL) return [confirms(count.at, `of ${most.value} at most`)];
  return share < SPACIOUS ? [refutes(count.at, `of ${most.value} at most`, false)] : NOTHING;
}

/** A service has endpoints, or kube-proxy refuses what is sent to it. */
export function endpoints(scene: Scene): readonly Testimony[] {
  const { saved, at } = scene;
  if (at.destination === null) return NOTHING;
  const found: Testimony[] = [];
  const service = saved.cluster.all(at.destination).find(({ kind }) => kind === 'service');
  const slices = service === undefined ? undefined : saved.cluster.endpoints.get(service.name);
  if (slices !== undefined) {
    const ready = slices.list.find(({ isReady }) => isReady);
    const note = `${service!.name} has ${slices.list.length === 0 ? 'no endpoint' : 'no endpoint that is ready'}`;
    found.push(
      ready === undefined
        ? confirms(slices.list[0]?.at ?? slices.at, note)
        : refutes(ready.at, `an endpoint of ${service!.name}`),
    );
  }
  for (const node of saved.nodes.values()) {
    const virtual = node.services.find(({ address }) => address === `${at.destination}:${at.destinationPort}`);
    if (virtual === undefined) continue;
    const [server] = virtual.servers;
    found.push(server === undefined ? confirms(virtual.at, 'no real server stands below it') : refutes(server.at));
    break;
  }
  const asked = forwarded(scene);
  const refusal = asked === null ? undefined : refusalOf(scene, asked);
  if (refusal !== undefined) found.push(confirms(refusal.at));
  return found.slice(0, 2);
}

/** The rule that kube-proxy writes for a service without endpoints. */
function refusalOf({ saved }: Scene, asked: Asked): End | undefined {
  return [...saved.nodes.values()]
    .flatMap((node) =>
      (['forward', 'output', 'input'] as const).flatMap((hook) =>
        endsOf(node, 'filter', hook, { ...asked, in: null, out: null, isLocal: hook === 'input' }).flat(),
      ),
    )
    .find(
      ({ kind, rule, packets }) =>
        kind === 'reject' && packets !== 0 && /has no (?:local )?endpoints/.test(rule?.at.text ?? ''),
    );
}

/** An answer was translated back without being looked at on the bridge. */
export function bridgeFilter({ here }: Scene): readonly Testimony[] {
  const figure = figureOf(here, 'net.bridge.bridge-nf-call-iptables');
  return figure === null ? NOTHING : [figure.value === 0 ? confirms(figure.at) : refutes(figure.at)];
}

/** The port of the bridge gives frames back where they came from, or does not. */
export function hairpin({ here, at }: Scene): readonly Testimony[] {
  const name = at.last?.interface ?? '';
  const hairpin = linkOf(here, name, (link) => link.hairpin)?.hairpin ?? null;
  return hairpin === null ? NOTHING : [hairpin.isOn ? refutes(hairpin.at) : confirms(hairpin.at)];
}

/** The connection table goes on translating to an address that answers nobody, or that no pod has. */
export function staleBackend({ saved: { cluster }, here, at }: Scene): readonly Testimony[] {
  if (at.destination === null) return NOTHING;
  const entry = here.connections.find(
    ({ original, reply }) =>
      original.source === at.source && reply.source === at.destination && original.destination !== at.destination,
  );
  if (entry !== undefined) return entry.isUnreplied ? [confirms(entry.at)] : [];
  if (cluster.pods === null) return NOTHING;
  const there = cluster.find(at.destination);
  if (there !== null) return there.kind === 'pod' ? [refutes(there.at, `the address of pod ${there.name}`, false)] : [];
  return [confirms(cluster.pods, `no pod of this listing has ${at.destination}`, false)];
}

/** Two queries of one socket that raced for one entry. */
export function insertFailed({ here }: Scene): readonly Testimony[] {
  const failed = here.figures.filter(({ name }) => name === 'conntrack insert_failed');
  const [first = failed[0]] = failed.filter(({ value }) => value > 0);
  if (first === undefined) return NOTHING;
  return [first.value > 0 ? confirms(first.at, null, false) : refutes(first.at)];
}
