import type { FindingContext } from '../context.js';
import { factsOf, isVxlanPort, type IcmpError } from './facts.js';

/** Groups at most: more are noise, or made on purpose. */
const LIMIT = 1 << 10;

/** ICMP errors of one kind from one sender about packets between two addresses. */
export interface ErrorGroup {
  readonly example: IcmpError;
  /** At the point that saw most of them, nearest to the sender; in order of time. */
  readonly errors: readonly IcmpError[];
}

/** ICMP errors that fit, grouped by who says what about whose packets; each message once, however many points saw it. */
export function errorGroups(context: FindingContext, fits: (error: IcmpError) => boolean): ErrorGroup[] {
  const groups = new Map<string, Map<number, IcmpError[]>>();
  for (const error of factsOf(context).errors) {
    if (!fits(error)) continue;
    const { sender, type, code, outer } = error;
    const key = `${sender} ${type}/${code} ${outer.src}>${outer.dst}:${error.outerPort}`;
    let points = groups.get(key);
    if (points === undefined) {
      if (groups.size >= LIMIT) continue;
      groups.set(key, (points = new Map()));
    }
    const list = points.get(error.kept.point);
    if (list === undefined) points.set(error.kept.point, [error]);
    else list.push(error);
  }
  return [...groups.values()].map((points) => {
    let errors: IcmpError[] = [];
    for (const list of points.values()) {
      const nearer = list.length === errors.length && list[0]!.ttl > errors[0]!.ttl;
      if (list.length > errors.length || nearer) errors = list;
    }
    errors.sort((a, b) => a.time - b.time);
    return { example: errors[0]!, errors };
  });
}

/** Whether an error quotes the packet of a tunnel. */
export function quotesTunnel({ inner, outer, outerPort }: IcmpError): boolean {
  return inner !== null || (outer.protocol === 17 && isVxlanPort(outerPort));
}

/** "w2 (138.96.245.52)", or the address alone where its node is not known. */
export function hostText(context: FindingContext, address: number): string {
  const text = context.names.addresses.text(address);
  const node = context.topology.homeOf(address).node ?? factsOf(context).nodeOfEndpoint(address);
  return node === null || node === '' ? text : `${node} (${text})`;
}
