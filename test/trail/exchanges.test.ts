import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExchangeRow } from '../../src/report/report.js';
import {
  describe as describePacket,
  exchangeOfRow,
  exchangesOf,
  verdictsOf,
  viewOf,
  type View,
} from '../support/scenario-check.js';
import { inputsOf, makeScenario, scenarioOptions, type ScenarioOptions } from '../support/scenario.js';
import type { TruthExchange } from '../support/scenario-traffic.js';
import { runs } from './runs.js';

const WHOLE = { from: 0, until: 1, cut: null } as const;

interface Told {
  readonly view: View;
  readonly rows: readonly ExchangeRow[];
}

const known = new Map<string, Told>();

/** All properties draw the same scenarios, so each is made and read once. */
async function told(options: ScenarioOptions): Promise<Told> {
  const key = JSON.stringify(options);
  let result = known.get(key);
  if (result === undefined) {
    const scenario = makeScenario(options);
    result = { view: viewOf(scenario), rows: await exchangesOf(inputsOf(scenario.files)) };
    known.set(key, result);
  }
  return result;
}

async function forAll(fixed: Partial<ScenarioOptions>, property: (told: Told) => void): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenarioOptions(fixed), async (options) => property(await told(options))),
    runs(),
  );
}

function complain(view: View, exchange: TruthExchange, row: ExchangeRow | null, what: string): never {
  const packets = [...exchange.requests, ...exchange.replies, ...exchange.refusals];
  const truth = packets.map((number) => describePacket(view.visible[number]!)).join('\n');
  throw new Error(`${what}\n${truth}\nsaid: ${JSON.stringify(row)}`);
}

function isSeen(view: View, exchange: TruthExchange): boolean {
  return [...exchange.requests, ...exchange.replies].some((number) => view.visible[number]!.seen.length > 0);
}

function isFurther(way: readonly { readonly point: string }[], from: string | null, to: string | null): boolean {
  const at = (name: string | null): number => way.findIndex(({ point }) => point === name);
  return from !== null && to !== null && at(to) > at(from);
}

describe('exchanges of a generated network', () => {
  it('a verdict is the true one or unknown', async () => {
    await forAll(WHOLE, ({ view, rows }) => {
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        if (exchange === undefined || exchange.translated || row.verdict === 'unknown') continue;
        const allowed = verdictsOf(view, exchange);
        if (!allowed.has(row.verdict)) complain(view, exchange, row, `${row.verdict}, not ${[...allowed].join()}`);
      }
    });
  });

  it('nothing that arrived is lost, translated or not', async () => {
    await forAll(WHOLE, ({ view, rows }) => {
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        if (exchange === undefined) continue;
        const arrived = (numbers: readonly number[]): boolean =>
          numbers.some((number) => view.visible[number]!.packet.droppedAfter === null);
        if (row.verdict === 'request-lost' && arrived(exchange.requests)) {
          complain(view, exchange, row, 'a request arrived');
        }
        if (row.verdict === 'reply-lost' && arrived(exchange.replies)) complain(view, exchange, row, 'a reply arrived');
      }
    });
  });

  it('every exchange that was seen has one row, and no other has any', async () => {
    await forAll(WHOLE, ({ view, rows }) => {
      const counts = new Map<TruthExchange, number>();
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        // What is translated before its first captured point has another client or server.
        if (exchange === undefined) {
          const translated = view.scenario.exchanges.some((each) => each.translated);
          if (!translated) throw new Error(`no exchange is ${JSON.stringify(row)}`);
        } else counts.set(exchange, (counts.get(exchange) ?? 0) + 1);
      }
      for (const exchange of view.scenario.exchanges) {
        if (exchange.translated || !isSeen(view, exchange)) continue;
        const count = counts.get(exchange) ?? 0;
        if (count !== 1) complain(view, exchange, null, `${count} rows`);
      }
    });
  });

  it('attempts are the requests that were seen, retries included', async () => {
    await forAll(WHOLE, ({ view, rows }) => {
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        if (exchange === undefined || exchange.translated) continue;
        const requests = exchange.requests.filter((number) => view.visible[number]!.seen.length > 0);
        if (row.attempts !== requests.length) {
          complain(view, exchange, row, `${row.attempts} attempts, not ${requests.length}`);
        }
      }
    });
  });

  it('a side that is lost was last seen where one of its packets was', async () => {
    await forAll(WHOLE, ({ view, rows }) => {
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        if (exchange === undefined || exchange.translated) continue;
        for (const [side, numbers] of [
          [row.request, exchange.requests],
          [row.reply, [...exchange.replies, ...exchange.refusals]],
        ] as const) {
          if (side?.state !== 'lost') continue;
          const places = numbers.map((number) => view.visible[number]!);
          // Same-node pairs over a bridge have its tap on neither side.
          if (places.some(({ packet }) => packet.way.every(({ hops }) => hops === 0))) continue;
          const right = places.some(
            (each) =>
              each.packet.droppedAfter !== null &&
              each.lastSeen === side.lastSeen &&
              // A point that has an excuse for its silence may be passed over.
              (each.nextExpected === side.nextExpected ||
                isFurther(each.packet.way, each.nextExpected, side.nextExpected)),
          );
          if (!right) complain(view, exchange, row, `lost after ${side.lastSeen}, before ${side.nextExpected}`);
        }
      }
    });
  });

  it('with every point captured few verdicts are unknown', async ({ annotate }) => {
    const counts: Record<string, number> = {};
    let right = 0;
    let all = 0;
    await forAll({ ...WHOLE, points: -1, noise: true, snapLength: 0 }, ({ view, rows }) => {
      for (const row of rows) {
        const exchange = exchangeOfRow(view.scenario, row);
        if (exchange === undefined || exchange.translated) continue;
        const [meant] = verdictsOf(view, exchange);
        all++;
        if (row.verdict === meant) right++;
        const key = `${meant}: ${row.verdict === meant ? 'told' : `${row.verdict}, ${row.reason?.replace(/\S*[\d/]\S*/g, '…')}`}`;
        counts[key] = (counts[key] ?? 0) + 1;
      }
    });
    await annotate(`${right} of ${all} verdicts are the true ones: ${JSON.stringify(counts)}`);
    expect(right / all, JSON.stringify(counts, null, 1)).toBeGreaterThan(0.93);
  });
});
