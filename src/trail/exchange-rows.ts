import type { ExchangeRow, ExchangeSide, StreamPoint } from '../report/report.js';
import type { Exchange } from './exchange.js';
import type { Judge } from './judge.js';
import { dnsTypeName } from '../wire/dns-names.js';
import type { Names } from './rows.js';
import type { Stream } from './stream.js';
import { outcomeOf, type Side } from './verdict.js';

/** The row of `lasthop exchanges`. */
export function exchangeRow(
  names: Names,
  exchange: Exchange,
  judge: Judge,
  timeOf: (time: number) => string,
): ExchangeRow {
  const { verdict, certainty, reason, request, reply } = outcomeOf(exchange, judge);
  return {
    protocol: exchange.protocol,
    client: names.addresses.text(exchange.client),
    clientPort: exchange.clientPort < 0 ? null : exchange.clientPort,
    server: names.addresses.text(exchange.server),
    serverPort: exchange.serverPort < 0 ? null : exchange.serverPort,
    time: timeOf(exchange.firstTime),
    id: idOf(names, exchange),
    verdict,
    certainty,
    reason,
    attempts: exchange.requests,
    request: sideRow(names, request),
    reply: sideRow(names, reply),
    ...(exchange.protocol === 'tcp' ? { stream: streamRow(names, exchange, judge) } : {}),
  };
}

/** What each point saw of a connection's data; octets count from 1 behind the SYN, or from the first one seen. */
function streamRow(names: Names, exchange: Exchange, judge: Judge): NonNullable<ExchangeRow['stream']> {
  const { client, server, id, sequence, synSeen, synAckSeen } = exchange;
  const pointsOf = (stream: Stream | null, initial: number | null, path: readonly number[]): StreamPoint[] => {
    if (stream === null) return [];
    const shift = initial === null ? 0 : (stream.first - initial) | 0;
    return stream.points
      .map((point, i) => ({ point, place: path.indexOf(point), seen: stream.seen[i]! }))
      .sort((a, b) => a.place - b.place || a.point - b.point)
      .map(({ point, seen }) => ({
        point: names.points[point]!.name,
        octets: seen.octets,
        highest: seen.highest + shift,
      }));
  };
  return {
    request: pointsOf(exchange.requestStream, synSeen ? (id + 1) | 0 : null, judge.pathOf(client, server).points),
    reply: pointsOf(exchange.replyStream, synAckSeen ? sequence : null, judge.pathOf(server, client).points),
  };
}

function idOf(names: Names, exchange: Exchange): Record<string, string | number> {
  switch (exchange.protocol) {
    case 'icmp-echo':
      return { icmpId: exchange.id, icmpSeq: exchange.sequence };
    case 'dns':
      return {
        dnsId: exchange.id,
        name: names.texts.get(exchange.nameId) ?? '',
        type: dnsTypeName(exchange.sequence),
      };
    case 'tcp':
      return { isn: exchange.id >>> 0 };
    case 'udp':
      return {};
  }
}

function sideRow(names: Names, side: Side | null): ExchangeSide | null {
  if (side === null) return null;
  return {
    state: side.state,
    lastSeen: side.lastSeen < 0 ? null : names.points[side.lastSeen]!.name,
    nextExpected: side.nextExpected === null ? null : names.points[side.nextExpected]!.name,
  };
}
