import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose.js';
import { Lab } from '../support/scenario-lab.js';

const [SYN, SYN_ACK, ACK, RST, RST_ACK, FIN_ACK] = [2, 18, 16, 4, 20, 17];

type Ending = 'RST at once' | 'RST after the ACK' | 'RST of the server' | 'FIN';

/** A prober that opens a connection every ten seconds and closes it without a word; all points see it. */
function checks(ending: Ending): Lab {
  const lab = new Lab();
  for (let i = 0; i < 6; i++) {
    const at = 100 + i * 10_000;
    const [isn, answer] = [1000 + i * 7919, 90_000 + i * 104_729];
    const send = (after: number, seq: number, ack: number, flags: number, reply = false, id = 1): void =>
      lab.segment(at + after, id === 0 ? 0 : 100 * i + after, { seq, ack, flags }, {}, reply);
    send(1, isn, 0, SYN);
    send(2, answer, isn + 1, SYN_ACK, true, 0);
    if (ending === 'RST at once') {
      send(3, isn + 1, 0, RST, false, 0);
      continue;
    }
    send(3, isn + 1, answer + 1, ACK);
    if (ending === 'RST after the ACK') send(4, isn + 1, answer + 1, RST_ACK);
    if (ending === 'RST of the server') send(4, answer + 1, isn + 1, RST_ACK, true);
    if (ending !== 'FIN') continue;
    send(4, isn + 1, answer + 1, FIN_ACK);
    send(5, answer + 1, isn + 2, FIN_ACK, true);
    send(6, isn + 2, answer + 2, ACK);
  }
  return lab;
}

describe('health checks that connect and say nothing', () => {
  it.each<Ending>(['RST at once', 'RST after the ACK', 'FIN'])('ended by %s are left alone', async (ending) => {
    const { findings, services } = await diagnose(checks(ending).inputs());
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
    // They are counted all the same.
    expect(services[0]).toMatchObject({ syn: 6, synAck: 6, rst: ending === 'FIN' ? 0 : 6, rstByService: 0 });
  });

  it('a server that resets each of them is told, and is no fault of the network', async () => {
    const { findings } = await diagnose(checks('RST of the server').inputs());
    expect(findings.map(({ severity }) => severity)).not.toContain('error');
  });
});
