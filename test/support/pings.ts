import type { WrittenFrame } from './capture-writer.js';
import { ethernet, icmpEcho, ipv4 } from './packets.js';

export const CLIENT = '10.244.1.5';
export const SERVER = '10.244.2.6';

export interface Pings {
  readonly count: number;
  /** Nanoseconds between two requests. */
  readonly gap: number;
  /** Nanoseconds that the server's clock is ahead. */
  readonly ahead?: number;
  /** Requests that the network loses. */
  readonly isLost?: (request: number) => boolean;
}

const START = 1_795_226_754;
const DELAY = 200_000;

/** Pings from a pod on one node to a pod on another, as each one's veth shows them; all are answered but the lost ones. */
export function pings({ count, gap, ahead = 0, isLost = () => false }: Pings): {
  client: WrittenFrame[];
  server: WrittenFrame[];
} {
  const client: WrittenFrame[] = [];
  const server: WrittenFrame[] = [];
  const frame = (time: number, seq: number, reply: boolean, ttl: number): WrittenFrame => {
    const [src, dst] = reply ? [SERVER, CLIENT] : [CLIENT, SERVER];
    const id = (seq + (reply ? 30_000 : 1)) & 0xffff;
    return at(
      time,
      ethernet({}, ipv4({ src, dst, id, ttl, df: !reply }, icmpEcho({ id: 7, seq: seq & 0xffff, reply }))),
    );
  };
  for (let i = 0; i < count; i++) {
    const sent = i * gap;
    client.push(frame(sent, i, false, 64));
    if (isLost(i)) continue;
    server.push(frame(sent + DELAY + ahead, i, false, 62));
    server.push(frame(sent + DELAY + 50_000 + ahead, i, true, 64));
    client.push(frame(sent + 2 * DELAY + 50_000, i, true, 62));
  }
  return { client, server };
}

/** A frame so many nanoseconds after the start. */
export function at(time: number, octets: Uint8Array): WrittenFrame {
  const seconds = Math.floor(time / 1e9);
  return { seconds: START + seconds, nanoseconds: Math.round(time - seconds * 1e9), octets };
}
