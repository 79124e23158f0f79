import type { Ends, Line, VirtualService } from '../facts.js';
import { numberOf, type Into, type Reader } from './reader.js';

/** Connections of a node that are kept. */
const LIMIT = 1 << 17;

/** `conntrack -L` and /proc/net/nf_conntrack: protocol, number, timeout, state, the tuple and the reply expected. */
export const connections: Reader = {
  tool: 'conntrack -L',
  take(at, words, { node }) {
    if (words[0] === 'conntrack' && at.text.includes('flow entries have been shown')) return true;
    // /proc/net/nf_conntrack begins with the layer 3 protocol.
    const own = words[0] === 'ipv4' || words[0] === 'ipv6' ? words.slice(2) : words;
    const first = own.findIndex((word) => word.startsWith('src='));
    const second = own.findIndex((word, i) => i > first && word.startsWith('src='));
    if (first < 2 || second < 0 || numberOf(own[1]) === null) return false;
    const original = endsOf(own.slice(first, second));
    const reply = endsOf(own.slice(second));
    if (original === null || reply === null) return false;
    if (node.connections.length >= LIMIT) return true;
    const state = own.slice(2, first).find((word) => /^[A-Z_]+$/.test(word)) ?? null;
    node.connections.push({ at, protocol: own[0]!, state, isUnreplied: own.includes('[UNREPLIED]'), original, reply });
    return true;
  },
};

function endsOf(words: readonly string[]): Ends | null {
  const value = (key: string): string | null => {
    const word = words.find((each) => each.startsWith(`${key}=`));
    return word === undefined ? null : word.slice(key.length + 1);
  };
  const source = value('src');
  const destination = value('dst');
  if (source === null || destination === null) return null;
  const port = (key: string): number | null => numberOf(value(key) ?? undefined);
  return { source, destination, sourcePort: port('sport'), destinationPort: port('dport') };
}

/** `ipvsadm -Ln`: a line a service, its real servers below it. */
export class VirtualServiceReader implements Reader {
  readonly tool = 'ipvsadm -Ln';
  #isOpen = false;
  #service: VirtualService | null = null;

  take(at: Line, words: readonly string[], { node }: Into): boolean {
    const [first = '', second] = words;
    if (at.text.startsWith('IP Virtual Server version') || (first === 'Prot' && second === 'LocalAddress:Port')) {
      this.#isOpen = true;
      return true;
    }
    if (!this.#isOpen || second === undefined) return false;
    if (first === '->') {
      if (second !== 'RemoteAddress:Port') this.#service?.servers.push({ at, address: second });
      return true;
    }
    if (first !== 'TCP' && first !== 'UDP' && first !== 'SCTP' && first !== 'FWM') return false;
    this.#service = { at, protocol: first.toLowerCase(), address: second, servers: [] };
    node.services.push(this.#service);
    return true;
  }

  end(): void {
    this.#isOpen = false;
    this.#service = null;
  }
}
