import type { Line, Link, NodeState, Vxlan } from '../facts.js';
import { after, numberOf, type Into, type Reader } from './reader.js';

/** `2: eth0@if4: <BROADCAST,UP> mtu 1500 …` */
const HEADER = /^(\d{1,10}): ([^\s:]{1,60}): <([^<>]*)>/;
/** `ip -o addr`: `2: eth0    inet 10.0.0.1/24 …` */
const ONE_LINE = /^\d{1,10}: (\S{1,60})\s+(?=inet6? )/;
const EXTENSIONS = ['gbp', 'gpe', 'remcsumrx'];

/** `ip -d link`, `ip addr`, `bridge -d link`: a line an interface, its details indented below it; `-o` puts all in one line. */
export class LinkReader implements Reader {
  readonly tool = 'ip link or ip addr';
  #link: Link | null = null;

  take(at: Line, words: readonly string[], { node }: Into): boolean {
    const header = HEADER.exec(at.text);
    if (header !== null) {
      this.#link = linkOf(at, words, header);
      node.links.push(this.#link);
      const [, ...details] = at.text.split('\\');
      for (const detail of details) this.#detail(at, detail.trim().split(/\s+/), node);
      return true;
    }
    const address = ONE_LINE.exec(at.text);
    if (address !== null) {
      addAddress(at, words.slice(2), plainName(address[1]!), node);
      return true;
    }
    if (this.#link === null || !/^\s/.test(at.text)) return false;
    this.#detail(at, words, node);
    return true;
  }

  end(): void {
    this.#link = null;
  }

  #detail(at: Line, words: readonly string[], node: NodeState): void {
    const link = this.#link!;
    const [first = '', second] = words;
    if (first.startsWith('link/') && second !== undefined) link.mac = { at, text: second.toLowerCase() };
    else if (first === 'inet' || first === 'inet6') addAddress(at, words, link.name, node);
    else if (first === 'vxlan') link.vxlan = vxlanOf(at, words);
    const hairpin = after(words, 'hairpin');
    if (hairpin !== null) link.hairpin = { at, isOn: hairpin === 'on' };
  }
}

function linkOf(at: Line, words: readonly string[], [, index, name, flags]: RegExpExecArray): Link {
  return {
    at,
    index: Number(index),
    name: plainName(name!),
    isUp: flags!.split(',').includes('UP'),
    mtu: numberOf(after(words, 'mtu') ?? undefined),
    master: after(words, 'master'),
    mac: null,
    vxlan: null,
    hairpin: null,
  };
}

/** A veth's peer stands behind its name: `eth0@if4`. */
function plainName(name: string): string {
  const at = name.indexOf('@');
  return at < 0 ? name : name.slice(0, at);
}

function addAddress(at: Line, words: readonly string[], device: string, node: NodeState): void {
  const address = words[1]?.split('/')[0];
  if (address !== undefined) node.addresses.push({ at, address, device });
}

function vxlanOf(at: Line, words: readonly string[]): Vxlan {
  return {
    at,
    id: words.includes('external') ? null : numberOf(after(words, 'id') ?? undefined),
    port: numberOf(after(words, 'dstport') ?? undefined),
    local: after(words, 'local'),
    learns: !words.includes('nolearning'),
    extensions: EXTENSIONS.filter((each) => words.includes(each)),
  };
}
