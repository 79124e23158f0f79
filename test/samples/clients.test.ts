import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exchanges } from '../../src/diagnose.js';

// What the clients of the samples said when the captures were made, against the verdicts on what they did.

const SAMPLES = join(import.meta.dirname, '../../samples');

interface Client {
  readonly client: string;
  readonly id?: number;
  readonly count?: number;
  /** Sequence numbers of the echo replies that ping printed. */
  readonly replies?: readonly number[];
  readonly sport?: number;
  readonly dport?: number;
  readonly dns_id?: number;
  readonly status?: number | string;
}

function clientsOf(sample: string): readonly Client[] {
  const path = join(SAMPLES, sample, 'truth.json');
  if (!existsSync(path)) return [];
  return (JSON.parse(readFileSync(path, 'utf8')) as { clients?: readonly Client[] }).clients ?? [];
}

/** Whether each exchange was answered, by `protocol`, ids and ports. */
function said(clients: readonly Client[]): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const { client, id, count = 0, replies, sport, dport, dns_id: dnsId, status } of clients) {
    if (client === 'ping' && replies !== undefined) {
      for (let seq = 1; seq <= count; seq++) answers.set(`icmp-echo ${id} ${seq}`, replies.includes(seq));
    }
    if (client === 'dns') answers.set(`dns ${sport} ${dnsId}`, status !== 'timeout');
    if (client === 'http') answers.set(`tcp ${sport} ${dport}`, typeof status === 'number');
  }
  return answers;
}

const samples = readdirSync(SAMPLES).filter((sample) => said(clientsOf(sample)).size > 0);

describe('what was answered, as the clients said', () => {
  it.each(samples)('%s', async (sample) => {
    const truth = said(clientsOf(sample));
    const wrong: string[] = [];
    const met = new Set<string>();
    for await (const { protocol, id, clientPort, serverPort, verdict } of exchanges([join(SAMPLES, sample)])) {
      const ids = id as { icmpId?: number; icmpSeq?: number; dnsId?: number };
      const key =
        protocol === 'icmp-echo'
          ? `${protocol} ${ids.icmpId} ${ids.icmpSeq}`
          : `${protocol} ${clientPort} ${protocol === 'dns' ? ids.dnsId : serverPort}`;
      const answered = truth.get(key);
      if (answered === undefined) continue;
      met.add(key);
      if ((verdict === 'answered') !== answered) wrong.push(`${key}: ${verdict}, answered ${answered}`);
    }
    expect(wrong).toEqual([]);
    expect(met.size).toBeGreaterThan(0);
  });
});
