// What makes the command of a cause one that can be pasted: where it is to be run, and a pod's namespace found by its address.
import type { CapturePoint } from '../net/points.js';
import type { FindingContext } from './context.js';

/** What Kubernetes calls a name (RFC 1123); a dump may hold anything. */
const OBJECT_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Where a command is to be run, as a comment behind it; nothing where no node is known. `more` goes behind the node. */
export function onNode(node: string, more = ''): string {
  return node === '' ? '' : `   # on ${node}${more}`;
}

/** The same, of the node that an address lives on: by the captures, else by what the cluster says. */
export function onNodeOf(context: FindingContext, address: number): string {
  const node = nodeOf(context, address);
  return onNode(node === '' ? `the node of ${context.names.addresses.text(address)}` : node);
}

function nodeOf({ topology, saved, names }: FindingContext, address: number): string {
  const { node } = topology.homeOf(address);
  if (node !== null && node !== '') return node;
  const named = saved?.cluster.find(names.addresses.text(address)) ?? null;
  const told = named?.node ?? (named?.kind === 'node' ? named.name : '');
  return OBJECT_NAME.test(told) ? told : '';
}

/**
 * A command in the network namespace that has an address. Whose it is need not be known: the node's namespaces are looked
 * through. Where the namespace itself was captured, who reads this is in it already.
 */
export function inNamespaceOf(context: FindingContext, address: number, command: string): string {
  const { topology, names } = context;
  const isInside = topology.homeOf(address).points.some((point) => names.points[point]!.role === 'pod');
  const text = names.addresses.text(address);
  return `${isInside ? command : inEachNamespace(text, command)}${onNodeOf(context, address)}`;
}

/** A command in every network namespace of a node that has an address. */
export function inEachNamespace(address: string, command: string): string {
  return `for p in $(lsns -t net -no PID); do nsenter -t $p -n ip -o addr | grep -qwF ${address} && nsenter -t $p -n ${command}; done`;
}

/** A command in a pod, by name where the cluster told it, else by the address that it has. */
export function inPod({ names, saved }: FindingContext, address: number, command: string): string {
  const text = names.addresses.text(address);
  const named = saved?.cluster.find(text) ?? null;
  const [namespace = '', name = ''] = named?.kind === 'pod' ? named.name.split('/') : [];
  if (OBJECT_NAME.test(namespace) && OBJECT_NAME.test(name)) {
    return `kubectl exec -n ${namespace} ${name} -- ${command}`;
  }
  return `kubectl get pod -A --field-selector status.podIP=${text} -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}' | while read -r n p; do kubectl exec -n "$n" "$p" -- ${command}; done`;
}

/** The capture that shows whether packets come to a point; `filter` may be empty. */
export function watchAt({ interface: device, node }: CapturePoint, filter: string): string {
  return `tcpdump -ni ${device} -c 20${filter === '' ? '' : ` '${filter}'`}${onNode(node)}`;
}

/** A name from a packet between single quotes: what could end them is left out. */
export function shellSafe(name: string): string {
  return name.replaceAll(/[^a-z0-9._-]/g, '?');
}
