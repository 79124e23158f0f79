import { openCapture } from '../../src/capture/open.js';
import { packetRow } from '../../src/report/packet-row.js';
import { MessageStreams } from '../../src/wire/message-streams.js';
import { messagesOf } from '../../src/wire/messages.js';
import { PacketView } from '../../src/wire/packet.js';

/** Layers that we name; all others are left out of a comparison of frame.protocols. */
export const LAYERS: ReadonlySet<string> = new Set(
  'eth vlan sll null raw arp ip ipv6 icmp icmpv6 udp tcp vxlan geneve gre dns bgp esp mpls wg igmp llc'.split(' '),
);

export type Row = Record<string, unknown>;

/** Whether messages that span TCP segments are put together, or each frame is read for itself. */
export type Reading = 'streams' | 'frames';

/** tshark's values of one frame: field -> values in the order of occurrence. */
export type OracleFrame = ReadonlyMap<string, readonly string[]>;

/** Our rows of a capture, and the octet where reading it stopped early (null: it was sound). */
export async function ourRows(
  path: string,
  reading: Reading = 'streams',
): Promise<{ rows: Row[]; damage: string | null }> {
  const capture = await openCapture(path);
  const packet = new PacketView();
  const streams = new MessageStreams();
  const rows: Row[] = [];
  for await (const batch of capture) {
    while (batch.next()) {
      packet.decode(batch);
      const from = batch.interfaces[batch.interfaceIds[batch.index]!];
      rows.push(
        packetRow(
          packet,
          {
            point: 'point',
            file: path,
            frame: batch.frame,
            seconds: batch.seconds[batch.index]!,
            nanoseconds: batch.nanoseconds[batch.index]!,
            interfaceName: from?.name ?? null,
          },
          reading === 'streams' ? streams.messagesOf(packet, 'point') : messagesOf(packet),
        ),
      );
    }
  }
  return { rows, damage: capture.damage?.message ?? null };
}

/** A row and the rows quoted in it, outermost first. */
function withQuoted(row: Row): Row[] {
  const quoted = row['quoted'] as Row | undefined;
  return quoted === undefined ? [row] : [row, ...withQuoted(quoted)];
}

/** Our values of a field; those of quoted headers after the others, as tshark prints them. */
export function ourValues(row: Row, field: string): string[] {
  if (field === 'frame.protocols')
    return [
      withQuoted(row)
        .map((part) => String(part[field]))
        .join(':'),
    ];
  return withQuoted(row)
    .flatMap((part) => part[field])
    .filter((value) => value !== undefined)
    .map(String);
}
