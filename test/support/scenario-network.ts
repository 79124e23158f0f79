/**
 * A generated overlay network: nodes, pods, capture points, and the way of a packet through them with its headers at each
 * point, as measured on Linux: TTL minus one at routed hops only, MACs of each link, a tunnel between the nodes.
 */

export type Cni = 'flannel' | 'calico';

/** What lies between node1 and the other nodes: one link, a router, or a box that translates the tunnel's own address. */
export type Middle = 'none' | 'router' | 'nat';

export interface NetworkOptions {
  readonly cni: Cni;
  /** 2 or 3. */
  readonly nodes: number;
  /** 1 to 3. */
  readonly podsPerNode: number;
  readonly middle: Middle;
  /** Whether the capture at a bridge sees what is switched between two of its ports (tcpdump without -p). */
  readonly promiscuous: boolean;
}

/**
 * Who sends and receives: a pod; a node by its overlay address (the tunnel device's), its underlay address, or its bridge's;
 * a host outside the cluster.
 */
export type EndpointKind = 'pod' | 'overlay' | 'node' | 'bridge' | 'outside';

export interface Endpoint {
  readonly kind: EndpointKind;
  readonly address: string;
  readonly mac: string;
  /** Node it is on, '' outside. */
  readonly node: string;
  /** The pod's interface on its node, '' for others. */
  readonly interface: string;
}

/** The tunnel around a packet at one point. */
export interface Outer {
  readonly src: string;
  readonly dst: string;
  readonly srcMac: string;
  readonly dstMac: string;
  readonly ttl: number;
  readonly vni: number;
  readonly port: number;
}

/** A packet's passage of one point. */
export interface Step {
  readonly point: string;
  /** Routed hops so far: what the TTL has lost. */
  readonly hops: number;
  readonly srcMac: string;
  readonly dstMac: string;
  readonly outer: Outer | null;
  /** Addresses here where they are not the endpoints' own. */
  readonly src?: string;
  readonly dst?: string;
  /** True where segmentation has cut large packets into what the link carries. */
  readonly wire: boolean;
}

export interface Point {
  readonly name: string;
  readonly node: string;
  readonly interface: string;
}

interface Node {
  readonly name: string;
  readonly index: number;
  readonly underlay: Endpoint;
  readonly overlay: Endpoint;
  readonly bridge: Endpoint | null;
  readonly pods: readonly Endpoint[];
}

const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';
const ROUTER_INNER_MAC = '52:54:00:00:fe:01';
const ROUTER_OUTER_MAC = '52:54:00:00:fe:00';
const ROUTER_OUTER_ADDRESS = '10.162.0.254';
/** Hops that packets from outside have behind them. */
const OUTSIDE_HOPS = 10;

export class Network {
  readonly options: NetworkOptions;
  readonly points: readonly Point[];
  readonly endpoints: readonly Endpoint[];
  /** A virtual address that stands for pods of the cluster. */
  readonly serviceAddress = '10.96.0.10';
  readonly #nodes: readonly Node[];

  constructor(options: NetworkOptions) {
    this.options = options;
    this.#nodes = Array.from({ length: options.nodes }, (_, i) => makeNode(options, i + 1));
    const outside: Endpoint = { kind: 'outside', address: '198.51.100.7', mac: '', node: '', interface: '' };
    this.endpoints = [
      ...this.#nodes.flatMap((node) => node.pods),
      ...this.#nodes.map((node) => node.overlay),
      ...this.#nodes.map((node) => node.underlay),
      ...this.#nodes.flatMap((node) => (node.bridge === null ? [] : [node.bridge])),
      outside,
    ];
    const points = this.#nodes.flatMap(({ name, pods }) => {
      const interfaces = [
        ...pods.map((pod) => pod.interface),
        ...(this.#flannel ? ['cni0'] : []),
        this.#tunnel,
        'eth0',
      ];
      return interfaces.map((each) => pointOf(name, each));
    });
    if (options.middle !== 'none') points.push(pointOf('rtr', 'eth1'), pointOf('rtr', 'eth0'));
    this.points = points;
  }

  get #flannel(): boolean {
    return this.options.cni === 'flannel';
  }

  get #tunnel(): string {
    return this.#flannel ? 'flannel.1' : 'vxlan.calico';
  }

  /** The node names, without the router's. */
  get nodes(): readonly string[] {
    return this.#nodes.map(({ name }) => name);
  }

  podsOf(node: string): readonly Endpoint[] {
    return this.#node(node).pods;
  }

  /** Who can open an exchange with whom. */
  talks(from: Endpoint, to: Endpoint): boolean {
    if (from === to || from.kind === 'outside') return false;
    const sameNode = from.node === to.node;
    switch (to.kind) {
      case 'pod':
        if (from.kind === 'pod') return true;
        if (from.kind === 'overlay') return !sameNode;
        // A node reaches its own pods from the bridge, or with Calico from the node address.
        return sameNode && from.kind === (this.#flannel ? 'bridge' : 'node');
      case 'overlay':
        return !sameNode && (from.kind === 'pod' || from.kind === 'overlay');
      case 'node':
        return from.kind === 'node' && !sameNode;
      case 'bridge':
        return from.kind === 'pod' && sameNode;
      case 'outside':
        return from.kind === 'pod';
    }
  }

  /** The point where an endpoint's packets first appear; null outside. */
  homeOf(endpoint: Endpoint): string | null {
    const { node } = endpoint;
    switch (endpoint.kind) {
      case 'pod':
        return `${node}/${endpoint.interface}`;
      case 'overlay':
        return `${node}/${this.#tunnel}`;
      case 'node':
        return `${node}/eth0`;
      case 'bridge':
        return `${node}/cni0`;
      case 'outside':
        return null;
    }
  }

  /** Whether a way's destination lies right behind this step, without a routed hop or a link between nodes. */
  isHomeward(step: Step, way: readonly Step[], to: Endpoint): boolean {
    // The link to a node's own address begins at the router.
    const near = step.point.startsWith(`${to.node}/`) || (to.kind === 'node' && step.outer === null);
    return near && step.hops === way[way.length - 1]!.hops && to.node !== '';
  }

  /**
   * The way of a packet.
   * @param service it was sent to, or is answered from, the service address: translated where each CNI's kernel does
   */
  way(from: Endpoint, to: Endpoint, service: 'none' | 'request' | 'reply' = 'none'): readonly Step[] {
    if (to.kind === 'outside') return this.#wayOut(from, to);
    if (from.kind === 'outside') return this.#wayIn(from, to);
    if (from.node === to.node) return this.#wayWithin(from, to);
    const a = this.#node(from.node);
    const b = this.#node(to.node);
    if (from.kind === 'node') return this.#wire(a, b, 0, from.mac, to.mac, false);
    const steps: Step[] = [...this.#leave(from, a)];
    const hops = from.kind === 'pod' ? 1 : 0;
    const [srcMac, dstMac] = [a.overlay.mac, b.overlay.mac];
    const tunnel = { hops, srcMac, dstMac, outer: null, wire: false };
    steps.push({ point: `${a.name}/${this.#tunnel}`, ...tunnel });
    steps.push(...this.#wire(a, b, hops, srcMac, dstMac, true));
    steps.push({ point: `${b.name}/${this.#tunnel}`, ...tunnel });
    steps.push(...this.#enter(to, b, hops + 1));
    return service === 'none' ? steps : this.#translated(steps, service);
  }

  #translated(steps: readonly Step[], service: 'request' | 'reply'): readonly Step[] {
    // br_netfilter translates before the bridge's tap, Calico's routing behind the pod's interface.
    const pod = (step: Step): boolean => /\/(veth|cali)/.test(step.point);
    const client = service === 'request' ? steps[0]!.point : steps[steps.length - 1]!.point;
    return steps.map((step) => {
      const atClient = step.point === client;
      const unDone = service === 'reply' && this.#flannel && step.point === `${client.split('/')[0]}/cni0`;
      if (!((pod(step) && atClient) || unDone)) return step;
      return service === 'request' ? { ...step, dst: this.serviceAddress } : { ...step, src: this.serviceAddress };
    });
  }

  #node(name: string): Node {
    return this.#nodes.find((node) => node.name === name)!;
  }

  /** From the pod to its node's routing. */
  #leave(from: Endpoint, node: Node): Step[] {
    if (from.kind !== 'pod') return [];
    const gateway = node.bridge?.mac ?? GATEWAY_MAC;
    const step = { hops: 0, srcMac: from.mac, dstMac: gateway, outer: null, wire: false };
    const steps = [{ point: `${node.name}/${from.interface}`, ...step }];
    if (this.#flannel) steps.push({ point: `${node.name}/cni0`, ...step });
    return steps;
  }

  /** From its node's routing to the pod. */
  #enter(to: Endpoint, node: Node, hops: number): Step[] {
    if (to.kind !== 'pod') return [];
    const gateway = node.bridge?.mac ?? GATEWAY_MAC;
    const step = { hops, srcMac: gateway, dstMac: to.mac, outer: null, wire: false };
    const steps = [{ point: `${node.name}/${to.interface}`, ...step }];
    if (this.#flannel) steps.unshift({ point: `${node.name}/cni0`, ...step });
    return steps;
  }

  #wayWithin(from: Endpoint, to: Endpoint): readonly Step[] {
    const node = this.#node(from.node);
    if (from.kind !== 'pod') return this.#enter(to, node, 0);
    if (to.kind !== 'pod') return this.#leave(from, node);
    const step = { hops: 0, srcMac: from.mac, dstMac: to.mac, outer: null, wire: false };
    if (!this.#flannel) return [this.#leave(from, node)[0]!, ...this.#enter(to, node, 1)];
    return [
      { point: `${node.name}/${from.interface}`, ...step },
      ...(this.options.promiscuous ? [{ point: `${node.name}/cni0`, ...step }] : []),
      { point: `${node.name}/${to.interface}`, ...step },
    ];
  }

  /** Between the underlay interfaces of two nodes, in a tunnel or bare. */
  #wire(a: Node, b: Node, hops: number, srcMac: string, dstMac: string, tunnelled: boolean): Step[] {
    const behind = this.options.middle !== 'none';
    const crosses = behind && (a.index === 1) !== (b.index === 1);
    const nat = this.options.middle === 'nat';
    const src = a.underlay.address;
    // The other nodes know the one behind the translation by the box's address.
    const dst = nat && b.index === 1 ? ROUTER_OUTER_ADDRESS : b.underlay.address;
    const srcBehind = nat && a.index === 1 ? ROUTER_OUTER_ADDRESS : src;
    const dstBehind = b.underlay.address;
    const [near, far] = a.index === 1 ? ['eth1', 'eth0'] : ['eth0', 'eth1'];
    const nearMac = a.index === 1 ? ROUTER_INNER_MAC : ROUTER_OUTER_MAC;
    const farMac = a.index === 1 ? ROUTER_OUTER_MAC : ROUTER_INNER_MAC;
    const link = (point: string, linkSrc: string, linkDst: string, lost: number, second: boolean): Step => {
      const wire = point !== `${a.name}/eth0`;
      if (!tunnelled) {
        const translated = second ? { src: srcBehind, dst: dstBehind } : { src, dst };
        return { point, hops: hops + lost, srcMac: linkSrc, dstMac: linkDst, outer: null, wire, ...translated };
      }
      const outer = {
        src: second ? srcBehind : src,
        dst: second ? dstBehind : dst,
        srcMac: linkSrc,
        dstMac: linkDst,
        ttl: 64 - lost,
        vni: this.#flannel ? 1 : 4096,
        port: this.#flannel ? 8472 : 4789,
      };
      return { point, hops, srcMac, dstMac, outer, wire };
    };
    if (!crosses) {
      return [`${a.name}/eth0`, `${b.name}/eth0`].map((point) => link(point, a.underlay.mac, b.underlay.mac, 0, false));
    }
    return [
      link(`${a.name}/eth0`, a.underlay.mac, nearMac, 0, false),
      link(`rtr/${near}`, a.underlay.mac, nearMac, 0, false),
      link(`rtr/${far}`, farMac, b.underlay.mac, 1, true),
      link(`${b.name}/eth0`, farMac, b.underlay.mac, 1, true),
    ];
  }

  /** To a host outside: masqueraded behind the node, and again behind a translating box. */
  #wayOut(from: Endpoint, to: Endpoint): readonly Step[] {
    const node = this.#node(from.node);
    const crosses = this.options.middle !== 'none' && node.index === 1;
    const steps: Step[] = this.#leave(from, node);
    const bare = { hops: 1, srcMac: node.underlay.mac, dstMac: ROUTER_INNER_MAC, outer: null, wire: true };
    steps.push({ point: `${node.name}/eth0`, ...bare, wire: false, src: node.underlay.address, dst: to.address });
    if (crosses) {
      const src = this.options.middle === 'nat' ? ROUTER_OUTER_ADDRESS : node.underlay.address;
      steps.push({ point: 'rtr/eth1', ...bare, src: node.underlay.address });
      steps.push({ point: 'rtr/eth0', ...bare, hops: 2, srcMac: ROUTER_OUTER_MAC, src });
    }
    return steps;
  }

  #wayIn(from: Endpoint, to: Endpoint): readonly Step[] {
    const node = this.#node(to.node);
    const crosses = this.options.middle !== 'none' && node.index === 1;
    const hops = OUTSIDE_HOPS;
    const bare = { srcMac: ROUTER_INNER_MAC, dstMac: node.underlay.mac, outer: null, wire: true, src: from.address };
    const steps: Step[] = [];
    if (crosses) {
      const dst = this.options.middle === 'nat' ? ROUTER_OUTER_ADDRESS : node.underlay.address;
      steps.push({ point: 'rtr/eth0', hops, ...bare, dst });
      steps.push({ point: 'rtr/eth1', hops: hops + 1, ...bare, dst: node.underlay.address });
    }
    const arrived = crosses ? hops + 1 : hops;
    steps.push({ point: `${node.name}/eth0`, hops: arrived, ...bare, dst: node.underlay.address });
    steps.push(...this.#enter(to, node, arrived + 1));
    return steps;
  }
}

function pointOf(node: string, name: string): Point {
  return { name: `${node}/${name}`, node, interface: name };
}

function makeNode(options: NetworkOptions, index: number): Node {
  const name = `node${index}`;
  const flannel = options.cni === 'flannel';
  const inner = options.middle !== 'none' && index === 1;
  const prefix = `10.244.${index * 6}`;
  const end = (kind: EndpointKind, address: string, mac: string, on = ''): Endpoint => ({
    kind,
    address,
    mac,
    node: name,
    interface: on,
  });
  const pods = Array.from({ length: options.podsPerNode }, (_, i) =>
    end(
      'pod',
      `${prefix}.${130 + i}`,
      `0a:58:0a:f4:0${index}:0${i + 1}`,
      flannel ? `veth${index}${i}c0ffee` : `cali${index}${i}c0ffee123`,
    ),
  );
  return {
    name,
    index,
    underlay: end('node', inner ? '192.168.3.1' : `10.162.0.${10 + index}`, `52:54:00:00:00:0${index}`),
    overlay: end('overlay', flannel ? `${prefix}.0` : `${prefix}.128`, `66:41:be:d7:95:0${index}`),
    bridge: flannel ? end('bridge', `${prefix}.1`, `26:eb:d4:96:92:0${index}`) : null,
    pods,
  };
}
