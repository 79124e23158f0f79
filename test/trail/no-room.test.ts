import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { pair, prepare } from '../../src/run.js';
import { EXCHANGE_SHIFT, ExchangeFlag, ExchangeRow } from '../../src/trail/exchange-store.js';

const SAMPLE = fileURLToPath(new URL('../../samples/sopnode-broken-ping', import.meta.url));

it('of a packet whose exchange may lack others no loss is said: an answer may be among those', async () => {
  const run = await prepare([SAMPLE], {}, 'packets');
  for await (const _ of pair(run, {}, () => false));
  run.judge.learn(run.tracker.trails);
  const lost = run.tracker.trails.filter((trail) => run.judge.judge(trail).state === 'lost' && trail.exchange !== null);
  expect(lost.length).toBeGreaterThan(0);
  for (const trail of lost) {
    const { store, number } = trail.exchange!;
    store.rows[(number << EXCHANGE_SHIFT) + ExchangeRow.FLAGS]! |= ExchangeFlag.MAY_LACK;
    trail.judgement = null;
    const { state, reason } = run.judge.judge(trail);
    expect([state, reason]).toEqual(['unknown', expect.stringContaining('no room for all exchanges')]);
  }
});
