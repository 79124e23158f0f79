import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { factsOf, type IcmpError } from './facts.js';
import { errorGroups, hostText, quotesTunnel } from './icmp-errors.js';
import { lossesOf } from './losses.js';
import { cause, shownBy } from './told.js';

/**
 * Tunnel endpoints that the underlay cannot reach, as a router says. Where packets from behind that endpoint arrive under
 * another outer address, it is a reply that goes to the address behind a translation; else the sender's table is wrong.
 */
export function endpointUnreachable(context: FindingContext): Finding[] {
  const text = (address: number): string => context.names.addresses.text(address);
  const lost = new Set(lossesOf(context).map(({ tunnel }) => `${tunnel?.src}>${tunnel?.dst}`));
  return errorGroups(
    context,
    (error) => error.type === 3 && error.code <= 1 && error.sender !== error.outer.dst && quotesTunnel(error),
  ).map(({ example, errors }) => {
    const { sender, outer, kept } = example;
    const arrivesFrom = arrivalOf(context, example);
    const kind = arrivesFrom === 0 ? 'vtep-ip-wrong' : 'vtep-return-unroutable';
    const elsewhere =
      arrivesFrom === 0 ? '' : `, while packets from behind it arrive with outer source ${text(arrivesFrom)}`;
    const isLost = lost.has(`${outer.src}>${outer.dst}`);
    return shownBy(
      context,
      errors.map((error) => error.kept),
      `ICMP 3/${example.code} from ${text(sender)}, quotes the tunnel packet ${text(outer.src)} > ${text(outer.dst)}`,
      {
        kind,
        // One message about one packet may be a moment's; the next ones, or packets that are missing, show that it lasts.
        severity: isLost || errors.length > 1 ? 'error' : 'info',
        certainty: 'shown',
        title: `${hostText(context, outer.src)} tunnels to ${text(outer.dst)}, which ${text(sender)} says cannot be reached, seen at ${context.names.points[kept.point]!.name}${elsewhere}`,
        causes: [
          cause(
            kind,
            0.97,
            arrivesFrom === 0
              ? 'the address to which it tunnels is not, or no longer, that of the other node'
              : 'the peer is registered with an address behind a translation, to which the underlay has no way',
            arrivesFrom === 0
              ? `bridge fdb show | grep ${text(outer.dst)}; kubectl get node -o wide   # on ${hostText(context, outer.src)}`
              : `ip route get ${text(outer.dst)}   # on ${hostText(context, outer.src)} and on ${text(sender)}`,
          ),
        ],
      },
    );
  });
}

/** Outer source with which packets of the quoted inner destination arrive, when it is not where this one was sent; else 0. */
function arrivalOf(context: FindingContext, { inner, outer }: IcmpError): number {
  if (inner !== null) {
    for (const { outerSource } of context.topology.seenOf(inner.dst).values()) {
      if (outerSource !== 0 && outerSource !== outer.dst) return outerSource;
    }
  }
  // A packet that was translated on its way, where the quotation is too short to tell whose it was.
  const facts = factsOf(context);
  const macs = new Set(
    facts.streams.filter(({ src, dst }) => src === outer.src && dst === outer.dst).map((s) => s.destinationMac),
  );
  const arriving = facts.streams.find(
    ({ src, dst, sourceMac }) => dst === outer.src && src !== outer.dst && macs.has(sourceMac),
  );
  return arriving?.src ?? 0;
}
