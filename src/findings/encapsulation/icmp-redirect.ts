import type { Finding } from '../../report/report.js';
import { icmpGatewayAt } from '../../wire/icmp.js';
import { onNodeOf } from '../commands.js';
import { type FindingContext } from '../context.js';
import { factsOf, type IcmpError } from './facts.js';
import { cause, shownBy } from './told.js';

const REDIRECT = 5;

/** Routers that tell a sender of a better next hop (RFC 792). */
export function icmpRedirect(context: FindingContext): Finding[] {
  const { names, store } = context;
  const { addresses } = names;
  const groups = new Map<string, { gateway: number; errors: IcmpError[] }>();
  for (const error of factsOf(context).errors) {
    if (error.type !== REDIRECT) continue;
    const { view, l4At } = store.view(error.kept);
    const gateway = addresses.idOfIpv4(view, icmpGatewayAt(l4At));
    // One message is seen at several points; each of them has its own list.
    const key = `${error.kept.point} ${error.sender} ${error.outer.src}>${error.outer.dst} ${gateway}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { gateway, errors: [error] });
    else group.errors.push(error);
  }
  const told = new Set<string>();
  return [...groups].flatMap(([key, { gateway, errors }]) => {
    const name = key.slice(key.indexOf(' ') + 1);
    if (told.has(name)) return [];
    told.add(name);
    const { sender, outer, kept } = errors[0]!;
    const text = (address: number): string => addresses.text(address);
    return [
      shownBy(
        context,
        errors.map((error) => error.kept),
        `redirect from ${text(sender)}: ${text(outer.dst)} by ${text(gateway)}`,
        {
          kind: 'icmp-redirect',
          severity: 'info',
          certainty: 'shown',
          title: `${text(sender)} tells ${text(outer.src)} to send what is for ${text(outer.dst)} to ${text(gateway)} instead, seen at ${names.points[kept.point]!.name}`,
          causes: [
            cause(
              'icmp-redirect',
              0.95,
              `${text(sender)} sends these packets out of the interface by which they came; no harm, unless the sender heeds it and ${text(gateway)} cannot be reached from there`,
              `ip route get ${text(outer.dst)}; sysctl net.ipv4.conf.all.accept_redirects${onNodeOf(context, outer.src)}`,
            ),
          ],
        },
      ),
    ];
  });
}
