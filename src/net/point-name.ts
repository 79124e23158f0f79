import type { PointRole } from '../report/report.js';

/** What a file name (or the caller) says about where a capture was taken. */
export interface PointName {
  /** Node, or null when nothing names one. */
  readonly node: string | null;
  readonly interface: string;
  /** True when a file name of the form NODE.pcapng names a node whose interfaces the file itself lists. */
  readonly wholeNode: boolean;
}

// Interface names as CNIs and the kernel give them. Order does not matter: each names one role.
const ROLES: readonly (readonly [RegExp, PointRole])[] = [
  [/^(cali|veth|lxc|azv|eni|gke|vnet|nic|vlan\.cali)[0-9a-f_-]*[0-9a-z]*$/i, 'veth'],
  [/^(cni|docker|cbr|kube-bridge|weave|br|virbr|lxdbr|podman|cilium_host|cilium_net|antrea-gw)[-_0-9a-z]*$/i, 'bridge'],
  [
    /^(flannel\.\d+|flannel-v6\.\d+|vxlan[-_.0-9a-z]*|cilium_vxlan|cilium_geneve|tunl\d+|ipip\d*|genev[-_.0-9a-z]*|gre\d*|sit\d+|vxlan-v6\.calico|antrea-tun\d+|wg\d+|wireguard\.cali|tun\d+)$/i,
    'tunnel',
  ],
  [
    /^(eth|ens|enp|eno|enx|em|bond|team|wlan|wlp|venet|control|data|underlay|internet|uplink)[-_.:0-9a-z]*$/i,
    'underlay',
  ],
  [/^any$/i, 'cooked'],
];

/** The role that an interface's name gives it; `unknown` where the name says nothing. */
export function roleOfInterface(name: string): PointRole {
  for (const [pattern, role] of ROLES) if (pattern.test(name)) return role;
  return 'unknown';
}

const SUFFIX = /\.(pcap|cap|pcapng|ntar|dmp|gz|zst)$/i;
const ROTATION = /([._-]?\d+)$/;
/** When the file was begun, as `tcpdump -G` is mostly told to name it: date and time, with signs between or not, or seconds. */
const WHEN =
  /[-_.](20\d\d[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])([-_T.]?([01]\d|2[0-3])[-_:.]?[0-5]\d([-_:.]?[0-6]\d)?Z?)?|1\d{9})$/;

/**
 * Reads a capture point from `NODE/INTERFACE` or `INTERFACE`.
 */
export function parsePoint(text: string): PointName {
  const slash = text.indexOf('/');
  if (slash < 0) return { node: null, interface: text, wholeNode: false };
  return { node: text.slice(0, slash) || null, interface: text.slice(slash + 1), wholeNode: false };
}

/**
 * Reads a capture point from a file's path: NODE__INTERFACE.pcap, NODE-INTERFACE.pcap, NODE.INTERFACE.pcap, NODE/INTERFACE.pcap
 * or INTERFACE.pcap, with compression suffixes and rotation numbers.
 * @param path as given by the caller, relative to the folder given when it was one
 */
export function pointFromPath(path: string): PointName {
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.');
  let base = parts.pop() ?? path;
  const folder = parts.pop() ?? null;
  let pcapng = false;
  // Rotation numbers stand behind the suffix (tcpdump -C: x.pcap1) or before it (dumpcap: x_00001_20240101.pcap).
  for (;;) {
    const match = SUFFIX.exec(base) ?? /\.(pcapng|pcap|cap)\.?\d+$/i.exec(base);
    if (match === null) break;
    if (/pcapng/i.test(match[0])) pcapng = true;
    base = base.slice(0, match.index);
  }
  base = base.replace(/_\d{5}_\d{14}$/, '');
  // Nodes may be called so, too: it is a time behind an interface
  const begun = base.replace(WHEN, '');
  if (begun.indexOf('__') > 0 || isKnown(begun) || splitAtKnown(begun) !== null) base = begun;
  const canonical = base.indexOf('__');
  if (canonical > 0) return { node: base.slice(0, canonical), interface: base.slice(canonical + 2), wholeNode: false };
  if (isKnown(base)) return { node: folder, interface: base, wholeNode: false };
  const split = splitAtKnown(base) ?? splitAtKnown(base.replace(ROTATION, ''));
  if (split !== null) return split;
  if (pcapng) return { node: base, interface: 'any', wholeNode: true };
  const dash = base.lastIndexOf('-');
  if (dash > 0 && dash < base.length - 1) {
    return { node: base.slice(0, dash), interface: base.slice(dash + 1), wholeNode: false };
  }
  return { node: folder, interface: base, wholeNode: false };
}

/** NODE-INTERFACE or NODE.INTERFACE where the right side is a known interface pattern; the longest such right side wins. */
function splitAtKnown(base: string): PointName | null {
  for (let i = 1; i < base.length - 1; i++) {
    const mark = base[i];
    if (mark !== '-' && mark !== '.' && mark !== '_') continue;
    const right = base.slice(i + 1);
    if (isKnown(right)) return { node: base.slice(0, i), interface: right, wholeNode: false };
  }
  return null;
}

function isKnown(name: string): boolean {
  return (
    roleOfInterface(name) !== 'unknown' &&
    (/\d|^any$/i.test(name) || /calico|cilium|weave|control|internet|bridge/.test(name))
  );
}

/** `node1/cni0`, or `cni0` where no node is known. */
export function pointText(node: string | null, interfaceName: string): string {
  return node === null ? interfaceName : `${node}/${interfaceName}`;
}
