import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { factsOf, macText, type ArpAnswer } from './facts.js';
import { cause, shownBy } from './told.js';

/** Two answers to one question come within this time, nanoseconds. */
const TOGETHER = 1e9;
/** A neighbour entry is asked for again within this time, nanoseconds. */
const CACHE = 120e9;
/** VRRP (RFC 9568 section 7.3): 00:00:5e:00:01 and the number of the virtual router. */
const VRRP = 0x00005e0001;

/** Addresses for which two machines answer ARP: to one question, or by turns. */
export function arpDuplicate(context: FindingContext): Finding[] {
  const { names } = context;
  const told = new Set<number>();
  const findings: Finding[] = [];
  for (const { point: id, address, answers } of factsOf(context).arp.values()) {
    if (told.has(address) || answers.length < 2) continue;
    const found = rivals(answers.filter(({ mac }) => Math.floor(mac / 256) !== VRRP));
    if (found === null) continue;
    told.add(address);
    const { pair, simultaneous } = found;
    const point = names.points[id]!;
    const text = names.addresses.text(address);
    findings.push(
      shownBy(
        context,
        pair.map(({ kept }) => kept),
        pair.map(({ mac }) => `${text} is at ${macText(mac)}`),
        {
          kind: 'arp-vip-duplicate',
          severity: 'error',
          certainty: simultaneous ? 'shown' : 'likely',
          title: `${[...new Set(pair.map(({ mac }) => macText(mac)))].join(' and ')} both answer ARP for ${text} at ${point.name}${simultaneous ? ', to one request' : ', by turns'}`,
          count: pair.length,
          of: answers.length,
          causes: [
            cause(
              'arp-vip-duplicate',
              0.9,
              'hosts that only carry the address answer for it (arp_ignore is 0, strictARP off), or two instances both believe that they lead',
              `arping -D -I ${point.interface} ${text}; sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce   # on ${point.node || 'both hosts'}`,
            ),
          ],
        },
      ),
    );
  }
  return findings;
}

/** Answers that contradict each other: replies of two machines to one request, or A, B and A again within a cache's time. */
function rivals(answers: readonly ArpAnswer[]): { pair: ArpAnswer[]; simultaneous: boolean } | null {
  const changes: ArpAnswer[] = [];
  for (const [i, answer] of answers.entries()) {
    const before = answers[i - 1];
    if (before === undefined || before.mac === answer.mac) continue;
    // An announcement after a reply is a failover; two replies at once are two machines.
    if (before.isReply && answer.isReply && answer.time - before.time < TOGETHER) {
      return { pair: [before, answer], simultaneous: true };
    }
    if (changes.length === 0) changes.push(before);
    changes.push(answer);
  }
  const [first, , third] = changes;
  const alternates = first !== undefined && third !== undefined && first.mac === third.mac;
  return alternates && third.time - first.time < CACHE ? { pair: changes.slice(0, 3), simultaneous: false } : null;
}
