import { isAddress } from '../addresses.js';
import type { Cluster, NamedAddress } from '../cluster.js';
import type { Line } from '../facts.js';
import type { Into, Reader } from './reader.js';

type Json = Readonly<Record<string, unknown>>;

/** Objects looked at, of a file that may hold anything. */
const LIMIT = 200_000;

/** `kubectl get … -o json`: a list of objects, or one. Its text goes over many lines, from a brace to the brace that closes it. */
export class KubernetesReader implements Reader {
  readonly tool = 'kubectl get -o json';
  #lines: Line[] = [];

  take(at: Line, words: readonly string[], into: Into): boolean {
    if (this.#lines.length === 0 && !at.text.startsWith('{')) return false;
    this.#lines.push(at);
    if (
      (words[0] === '}' && at.text.startsWith('}')) ||
      (this.#lines.length === 1 && at.text.trimEnd().endsWith('}'))
    ) {
      this.end(into);
    }
    return true;
  }

  end(into: Into): void {
    const lines = this.#lines;
    this.#lines = [];
    const [first] = lines;
    if (first === undefined) return;
    let root: unknown;
    try {
      root = JSON.parse(lines.map(({ text }) => text).join('\n'));
    } catch {
      into.warn(first, 'JSON as kubectl get -o json writes it; what begins here is cut or damaged');
      return;
    }
    if (!isObject(root) || typeof root['kind'] !== 'string') {
      into.warn(first, 'an object of Kubernetes with its kind, as kubectl get -o json writes it');
      return;
    }
    into.cluster.dumps++;
    const items = Array.isArray(root['items']) ? root['items'] : [root];
    const places = new Places(lines);
    for (const item of items.slice(0, LIMIT)) if (isObject(item)) addObject(into.cluster, item, places);
  }
}

/** Where a text stands between quotation marks for the first time. */
class Places {
  readonly first: Line;
  readonly #places = new Map<string, Line>();

  constructor(lines: readonly Line[]) {
    this.first = lines[0]!;
    for (const at of lines) {
      for (const [, text] of at.text.matchAll(/"([0-9a-fA-F:.]{2,45})"/g)) {
        if (!this.#places.has(text!)) this.#places.set(text!, at);
      }
    }
  }

  of(text: string): Line {
    return this.#places.get(text) ?? this.first;
  }
}

function addObject(cluster: Cluster, object: Json, places: Places): void {
  const metadata = field(object, 'metadata');
  const name = text(metadata['name']);
  const namespace = text(metadata['namespace']);
  const spec = field(object, 'spec');
  const status = field(object, 'status');
  const full = `${namespace || 'default'}/${name}`;
  const add = (address: unknown, kind: NamedAddress['kind'], more: Partial<NamedAddress> = {}): void => {
    if (typeof address !== 'string' || !isAddress(address)) return;
    const at = places.of(address);
    cluster.add(address, { kind, name: kind === 'node' ? name : full, node: null, isOver: false, at, ...more });
  };
  switch (object['kind']) {
    case 'Node':
      cluster.nodes ??= places.first;
      for (const each of list(status['addresses'])) if (each['type'] !== 'Hostname') add(each['address'], 'node');
      // Where the plugins say by which address a node is reached: `192.168.3.1/24` (Calico), `192.168.3.1` (flannel).
      for (const [key, value] of Object.entries(field(metadata, 'annotations'))) {
        if (/calico\.org\/IPv[46]|flannel.*public-ip|TunnelAddr/.test(key)) add(text(value).split('/')[0], 'node');
      }
      break;
    case 'Pod': {
      cluster.pods ??= places.first;
      const isOver = ['Succeeded', 'Failed'].includes(text(status['phase']));
      const node = text(spec['nodeName']) || null;
      const addresses = new Set([status['podIP'], ...list(status['podIPs']).map((each) => each['ip'])]);
      for (const address of addresses) add(address, 'pod', { node, isOver });
      break;
    }
    case 'Service':
      for (const address of new Set([
        spec['clusterIP'],
        ...strings(spec['clusterIPs']),
        ...strings(spec['externalIPs']),
      ])) {
        add(address, 'service');
      }
      for (const each of list(field(status, 'loadBalancer')['ingress'])) add(each['ip'], 'service');
      break;
    case 'EndpointSlice': {
      const service = text(field(metadata, 'labels')['kubernetes.io/service-name']);
      if (service === '') break;
      const key = `${namespace || 'default'}/${service}`;
      const known = endpointsOf(cluster, key, places.first);
      for (const each of list(object['endpoints'])) {
        const isReady = field(each, 'conditions')['ready'] !== false;
        for (const address of strings(each['addresses'])) known.push({ address, isReady, at: places.of(address) });
      }
      break;
    }
    case 'Endpoints': {
      const known = endpointsOf(cluster, full, places.first);
      for (const subset of list(object['subsets'])) {
        for (const [key, isReady] of [
          ['addresses', true],
          ['notReadyAddresses', false],
        ] as const) {
          for (const each of list(subset[key])) {
            const address = text(each['ip']);
            if (address !== '') known.push({ address, isReady, at: places.of(address) });
          }
        }
      }
      break;
    }
  }
}

function endpointsOf(cluster: Cluster, key: string, at: Line): { address: string; isReady: boolean; at: Line }[] {
  let known = cluster.endpoints.get(key);
  if (known === undefined) cluster.endpoints.set(key, (known = { at, list: [] }));
  return known.list;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function field(object: Json, key: string): Json {
  const value = object[key];
  return isObject(value) ? value : {};
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
