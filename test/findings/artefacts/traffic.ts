import { diagnose } from '../../../src/diagnose.js';
import { ipv4Id } from '../../../src/wire/ipv4.js';
import { Layer } from '../../../src/wire/layers.js';
import { icmpEcho, ipv4 } from '../../support/packets.js';
import { sample } from './captures.js';
import { CLIENT, SERVER, Wire, of, opened, segment, type Row } from './artefact.js';

/** What healthy traffic has that looks wrong. */
export const TRAFFIC: readonly Row[] = [
  [
    'art-ipid-zero',
    'every packet has identification 0',
    async () => [of(pings({ id: 0 }).points, ({ view, ipAt }) => ipAt >= 0 && ipv4Id(view, ipAt) === 0)],
  ],
  [
    'art-retransmit',
    'the same segment again, with a new identification',
    async () => {
      const wire = opened(new Wire());
      const data = { seq: 1001, ack: 9001, flags: 24, length: 100 };
      wire.pass(2000, segment(false, { ...data, id: 10 })).pass(202_000, segment(false, { ...data, id: 11 }));
      wire.pass(202_500, segment(true, { seq: 9001, ack: 1101, flags: 16, id: 60 }), true);
      return [of(wire.points, ({ payloadLength }) => payloadLength === 100)];
    },
  ],
  [
    'art-icmp-embedded',
    'an ICMP error quotes a packet, which is no packet',
    async () => {
      const artefact = of(await sample('healthy-calico'), ({ quotedIpAt }) => quotedIpAt >= 0);
      const { flows } = await diagnose([...artefact.inputs]);
      // truth.json: one datagram to a closed port, and no other traffic of UDP but DNS. A quotation would be a second flow.
      const udp = flows.filter(({ protocol, serverPort }) => protocol === 'udp' || serverPort === 5353);
      return [{ ...artefact, seen: udp.length === 1 ? artefact.seen : 0 }];
    },
  ],
  [
    'art-syn-linear',
    'SYN sent again every second, as newer kernels do',
    async () => {
      const wire = new Wire();
      for (let i = 0; i < 3; i++) wire.pass(i * 1e6, segment(false, { seq: 1000, ack: 0, flags: 2, id: 1 + i }));
      wire.pass(2e6 + 500, segment(true, { seq: 9000, ack: 1001, flags: 18, id: 0 }), true);
      wire.pass(2e6 + 900, segment(false, { seq: 1001, ack: 9001, flags: 16, id: 5 }));
      return [of(wire.points, ({ view, l4At }) => l4At >= 0 && view.getUint8(l4At + 13) === 2)];
    },
  ],
  [
    'art-keepalive',
    'one octet before the next number, answered',
    async () => {
      const wire = opened(new Wire());
      wire.pass(2000, segment(false, { seq: 1001, ack: 9001, flags: 24, id: 10, length: 50 }));
      wire.pass(2500, segment(true, { seq: 9001, ack: 1051, flags: 16, id: 60 }), true);
      for (let i = 1; i <= 5; i++) {
        wire.pass(i * 15e6, segment(false, { seq: 1050, ack: 9001, flags: 16, id: 10 + i, length: 1 }));
        wire.pass(i * 15e6 + 500, segment(true, { seq: 9001, ack: 1051, flags: 16, id: 60 + i }), true);
      }
      return [of(wire.points, ({ payloadLength, l4Kind }) => l4Kind === Layer.TCP && payloadLength === 1)];
    },
  ],
];

function pings(options: { id?: number } = {}): Wire {
  const wire = new Wire();
  for (let seq = 1; seq <= 20; seq++) {
    const id = options.id ?? 100 + seq;
    const data = icmpEcho({ id: 7, seq });
    const answer = icmpEcho({ id: 7, seq, reply: true });
    wire.pass(seq * 1e5, (ttl) => ipv4({ src: CLIENT, dst: SERVER, ttl, id, df: true }, data));
    wire.pass(seq * 1e5 + 300, (ttl) => ipv4({ src: SERVER, dst: CLIENT, ttl, id }, answer), true);
  }
  return wire;
}
