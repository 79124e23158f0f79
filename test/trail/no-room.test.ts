import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { pair, prepare } from '../../src/run.js';
import { EXCHANGE_SHIFT, ExchangeFlag, ExchangeRow } from '../../src/trail/exchange-store.js';

const SAMPLE = fileURLToPath(new URL('../../samples/sopnode-broken-ping', import.meta.url));
const SWITCHED = fileURLToPath(new URL('../../samples/rst-backend-switched/', import.meta.url));

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

it('of data whose repetitions may be forgotten an acknowledgement shows nothing', async () => {
  const inputs = ['client__eth0.pcap', 'director2__po0.pcap'].map((file) => SWITCHED + file);
  const run = await prepare(inputs, {}, 'packets');
  for await (const _ of pair(run, {}, () => false));
  run.judge.learn(run.tracker.trails);
  // No capture shows where they arrived
  const acknowledged = run.tracker.trails.filter(
    (trail) =>
      trail.protocol === 6 &&
      trail.payloadLength > 0 &&
      !trail.path.home.every((point) => trail.whole.has(point)) &&
      run.judge.judge(trail).state === 'delivered',
  );
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const trail of acknowledged) {
    const { store, number } = trail.exchange!;
    store.forget(number);
    trail.judgement = null;
    expect(run.judge.judge(trail)).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('one of several'),
    });
  }
});
