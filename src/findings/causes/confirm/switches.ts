// Switches of interfaces: forwarding, rp_filter, proxy_arp.
import { versionOf } from '../../../state/addresses.js';
import type { DeviceSetting, NodeState } from '../../../state/facts.js';
import { deviceOf, figureOf, linkOf, routeTo } from '../../../state/lookup.js';
import { endsOf } from '../../../state/rules/walk.js';
import { confirms, forwarded, NOTHING, refutes, routedDevice, type Scene, type Testimony } from './scene.js';

function settingsOf(here: NodeState, device: string, key: DeviceSetting['key'], family: 4 | 6): DeviceSetting[] {
  return here.devices.filter((each) => each.device === device && each.key === key && each.family === family);
}

/** The kernel asks the interface by which the packet enters; of IPv6 packets, the switch for all interfaces. */
export function forwardOff({ here, at }: Scene): readonly Testimony[] {
  const family = versionOf(at.source ?? at.destination ?? '');
  const entry = routedDevice(here, at.last);
  // From one port of a bridge to another, nothing is routed.
  if (entry !== null && entry === routedDevice(here, at.next)) return NOTHING;
  const device = family === 6 ? 'all' : entry;
  if (device !== null) {
    return settingsOf(here, device, 'forwarding', family).map(({ at, value }) =>
      value === 0 ? confirms(at) : refutes(at),
    );
  }
  if (at.last?.role !== 'cooked') return NOTHING;
  // Captured at all interfaces: only where all say the same is it known what the one said.
  const all = here.devices.filter(
    ({ device, key, family }) => key === 'forwarding' && family === 4 && !['lo', 'all', 'default'].includes(device),
  );
  const [first] = all;
  if (first === undefined || all.some(({ value }) => value !== first.value)) return NOTHING;
  const note = 'and so of every other interface';
  return [first.value === 0 ? confirms(first.at, note) : refutes(first.at, note)];
}

const REVERSE_PATH_DROPS = 'TcpExtIPReversePathFilter';

/** The larger of the values for the interface and for all counts; 1 wants the way back by the same interface, 2 any. */
export function reversePath(scene: Scene): readonly Testimony[] {
  const { here, at } = scene;
  const device = routedDevice(here, at.last);
  if (device === null || at.source === null || versionOf(at.source) === 6) return NOTHING;
  return [...filtered(scene), ...setting(here, device, at.source), ...counted(here)];
}

function setting(here: NodeState, device: string, source: string): readonly Testimony[] {
  const own = settingsOf(here, device, 'rp_filter', 4)[0];
  const all = settingsOf(here, 'all', 'rp_filter', 4)[0];
  if (own === undefined || all === undefined) return NOTHING;
  const { at, value } = own.value >= all.value ? own : all;
  if (value === 0) return [refutes(at, null, false)];
  const back = routeTo(here, source);
  if (back === null) return NOTHING;
  if (back === 'none') return [confirms(at, `and no route leads back to ${source}`)];
  const way = deviceOf(back);
  if (way === null) return NOTHING;
  if (value === 2 || way === device) return [refutes(back.at, `the way back to ${source}`)];
  return [confirms(at), confirms(back.at, `the way back to ${source} is not ${device}`)];
}

/** Felix checks the way back with a rule of its own. */
function filtered(scene: Scene): readonly Testimony[] {
  const asked = forwarded(scene);
  if (asked === null) return NOTHING;
  return endsOf(scene.here, 'raw', 'prerouting', { ...asked, out: null })
    .flat()
    .filter(({ kind, rule }) => kind === 'drop' && /rpfilter|fib saddr/.test(rule?.at.text ?? ''))
    .flatMap(({ at, packets }) => (packets === null ? [] : [packets > 0 ? confirms(at) : refutes(at, null, false)]));
}

function counted(here: NodeState): readonly Testimony[] {
  const drops = figureOf(here, REVERSE_PATH_DROPS);
  if (drops === null) return NOTHING;
  return [drops.value > 0 ? confirms(drops.at, null, false) : refutes(drops.at)];
}

/** With proxy ARP the node answers for the gateway; on a bridge it has the address itself. */
export function gatewayArp({ here, at }: Scene): readonly Testimony[] {
  const device = routedDevice(here, at.last);
  if (device === null) return NOTHING;
  return at.unresolved.flatMap((gateway) => {
    if (gateway.startsWith('169.254.')) {
      const off = [...settingsOf(here, device, 'proxy_arp', 4), ...settingsOf(here, device, 'forwarding', 4)];
      const [wrong] = off.filter(({ value }) => value === 0);
      if (wrong !== undefined) return [confirms(wrong.at)];
      const way = routeTo(here, gateway);
      if (way === 'none')
        return [confirms(here.routes[0]!.at, `none of its routes leads to ${gateway}, which proxy ARP needs`)];
      return off.map(({ at }) => refutes(at, null, false)).slice(0, 1);
    }
    const own = here.addresses.find(({ address }) => address === gateway);
    if (own !== undefined) {
      const link = linkOf(here, own.device);
      return [link !== null && !link.isUp ? confirms(link.at) : refutes(own.at, null, false)];
    }
    const link = linkOf(here, device);
    return here.addresses.length > 0 && link !== null ? [confirms(link.at, `it does not have ${gateway}`, false)] : [];
  });
}
