/** The plain, versioned result of a diagnosis (schema lasthop.report/1). Times are decimal strings of seconds with nine digits. */
export interface Report {
  readonly schema: 'lasthop.report/1';
  readonly version: string;
  readonly points: readonly PointReport[];
  readonly flows: readonly FlowReport[];
  readonly translations: readonly TranslationReport[];
  readonly findings: readonly Finding[];
  /** TCP connections of each service over time, at each point; those with most RSTs first, at most 256. */
  readonly services: readonly ServiceReport[];
  /** What each service address was translated to, where packets show it; those asked most first, at most 256. */
  readonly backends: readonly ServiceBackendsReport[];
  /** Wrong octets: code -> frames that have it. */
  readonly problems: Readonly<Record<string, number>>;
  readonly counts: Counts;
  /** Absent when no state was saved. */
  readonly state?: StateReport;
  /** Names of addresses that this report speaks of; absent without a dump of the cluster. */
  readonly names?: Readonly<Record<string, AddressName>>;
}

export type PointRole = 'pod' | 'veth' | 'bridge' | 'tunnel' | 'underlay' | 'cooked' | 'unknown';

export interface PointReport {
  readonly point: string;
  readonly node: string | null;
  readonly interface: string;
  readonly role: PointRole;
  readonly files: readonly string[];
  readonly frames: number;
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** Against the reference's clock, see ClockReport; null for the reference, and where packets do not bound it. */
  readonly clock: ClockReport | null;
  /** Frames by innermost protocol name. */
  readonly protocols: Readonly<Record<string, number>>;
  /** What this library met and does not decode, by name. */
  readonly undecoded: Readonly<Record<string, number>>;
  /** What keeps this capture from being full evidence: cut, drops, an apparent filter, a snap length. One sentence each. */
  readonly trust: readonly string[];
}

/** A node's clock against the reference node's, over the time of a capture. */
export interface ClockReport {
  readonly reference: string;
  /** Nanoseconds that it was ahead in the middle of the capture. */
  readonly offsetNs: number;
  /** The true offset was within offsetNs ± errorNs at every moment of the capture. */
  readonly errorNs: number;
  /** Parts per million by which it runs fast; 0 where packets do not show that it does. */
  readonly driftPpm: number;
  /** The bound that remains once the drift is corrected. */
  readonly residualNs: number;
}

export type Verdict = 'answered' | 'request-lost' | 'reply-lost' | 'unanswered' | 'refused' | 'unknown';
export type ExchangeProtocol = 'icmp-echo' | 'dns' | 'udp' | 'tcp';
export type Certainty = 'shown' | 'likely' | 'unknown';
export type Severity = 'error' | 'warning' | 'info';

export interface FlowReport {
  readonly protocol: ExchangeProtocol;
  readonly client: string;
  readonly clientPort: number | null;
  readonly server: string;
  readonly serverPort: number | null;
  readonly exchanges: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Captured points from client to server, as the packets showed them. */
  readonly path: readonly string[];
}

export interface TranslationReport {
  readonly kind: 'snat' | 'dnat' | 'both';
  readonly from: string;
  readonly to: string;
  readonly between: readonly [string, string];
  readonly packets: number;
}

/** How often connections of one service were opened, closed and reset, where one point saw it. */
export interface ServiceCounts {
  readonly syn: number;
  readonly synAck: number;
  /** Of both sides. */
  readonly fin: number;
  /** Of both sides. */
  readonly rst: number;
  /** Those of them that the service's own address sent. */
  readonly rstByService: number;
}

export interface ServiceInterval extends ServiceCounts {
  /** Where the interval begins, by the clock of the capture. */
  readonly time: string;
}

export interface ServiceReport extends ServiceCounts {
  /** As this point sees it: behind a translation it is another one. */
  readonly address: string;
  readonly port: number;
  readonly point: string;
  /** Seconds that an interval lasts. */
  readonly interval: number;
  /** In order of time; those in which nothing happened are left out. */
  readonly intervals: readonly ServiceInterval[];
}

/** How a backend fails while others of its service answer. */
export type BackendFailure = 'unanswered' | 'refused' | 'reset';

export interface ServiceBackendsReport {
  readonly protocol: 'tcp' | 'udp';
  /** As clients see it. */
  readonly address: string;
  readonly port: number;
  /** Also those of which no capture shows where they were sent. */
  readonly exchanges: number;
  readonly backends: readonly BackendReport[];
}

export interface BackendReport {
  readonly address: string;
  readonly port: number;
  readonly exchanges: number;
  /** Per cent of the exchanges of which a capture shows where they were sent. */
  readonly share: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Connections that it reset after they were open. */
  readonly reset: number;
  /** Null where it does not stand out among its siblings. */
  readonly fails: BackendFailure | null;
}

/** Backends that a finding is about, which fail while others of the same service answer. */
export interface FailingBackends {
  /** `address:port/protocol`. */
  readonly service: string;
  readonly failing: readonly string[];
  readonly how: BackendFailure;
  /** Backends seen. */
  readonly of: number;
  /** Sent to those that fail, of all of which a capture shows where they were sent. */
  readonly exchanges: number;
  readonly ofExchanges: number;
}

export interface Place {
  readonly point: string;
  readonly file: string;
  readonly frame: number;
  readonly time: string;
}

export interface Cause {
  readonly kind: string;
  /** 0 to 1. */
  readonly likelihood: number;
  readonly why: string;
  /** One command that confirms or refutes it. */
  readonly next: string;
  /** Lines of saved state that speak for or against it; absent where none does. */
  readonly evidence?: readonly StateEvidence[];
}

/** A line of saved state. */
export interface StateEvidence {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The line, cut where it is very long. */
  readonly text: string;
  readonly says: 'confirms' | 'refutes';
  /** What follows from it where it does not speak for itself. */
  readonly note: string | null;
}

/** Saved state that was read beside the captures. */
export interface StateReport {
  /** Folders and files, as given or found. */
  readonly from: readonly string[];
  /** Files that held something that is known. */
  readonly files: number;
  /** Nodes that they are of. */
  readonly nodes: readonly string[];
}

/** Whose an address is, as the cluster's objects say. */
export interface AddressName {
  readonly kind: 'pod' | 'node' | 'service';
  /** `namespace/name`; of a node its name. */
  readonly name: string;
  /** Node of a pod. */
  readonly node: string | null;
}

export interface Evidence extends Place {
  readonly note: string;
}

/** A point on the path drawn for a finding: seen (with the frame), silent (captured, able to show it, did not), or not trusted. */
export interface TrailStep {
  readonly point: string;
  readonly state: 'seen' | 'silent' | 'unable';
  readonly file: string | null;
  readonly frame: number | null;
  readonly time: string | null;
  readonly ttl: number | null;
  /** Tunnel around the packet here: "vxlan 10.0.0.1:43 > 10.0.0.2:4789 vni 4096". */
  readonly tunnel: string | null;
  /** Why silence counts as proof here, or why it does not. */
  readonly note: string | null;
}

/** One header field of two packets: of the one that came through, and of the one that was lost. */
export interface FieldDifference {
  readonly field: string;
  readonly there: string;
  readonly here: string;
}

/** Good against bad: a packet of the same kind that came through where one was lost, and what differs first on their common way. */
export interface Differs {
  /** The packet that came through. */
  readonly sibling: string;
  /** It passed the point where the other one was last seen, and the one that this never reached. */
  readonly passes: readonly string[];
  /** The first point that both passed at which a field differs. */
  readonly point: string;
  readonly fields: readonly FieldDifference[];
  /** The frames compared. */
  readonly here: Place;
  readonly there: Place;
}

export interface Finding {
  readonly kind: string;
  readonly severity: Severity;
  readonly certainty: Certainty;
  readonly title: string;
  /** Index into flows; null when the finding is not about one flow. */
  readonly flow: number | null;
  /** Packets (or exchanges) this finding counts, and of how many. */
  readonly count: number;
  readonly of: number;
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  readonly lastSeen: Place | null;
  readonly nextExpected: string | null;
  readonly causes: readonly Cause[];
  readonly evidence: readonly Evidence[];
  /** One example packet, drawn point by point. */
  readonly trail: { readonly summary: string; readonly steps: readonly TrailStep[] } | null;
  /** Only where a packet like the lost one came through there. */
  readonly differs?: Differs;
  /** Only where the backends of a service that it is about stand out among their siblings. */
  readonly backends?: FailingBackends;
}

export interface Counts {
  /** Complete records of any link type. */
  readonly frames: number;
  /** Unicast IP packets, as sightings; also those that a filter does not choose. */
  readonly packets: number;
  readonly exchanges: number;
  /** Packets, each counted once. Those that nothing tells apart have one row in `trails`. */
  readonly trails: number;
  /** State given up because a bound was reached. */
  readonly evicted: number;
  /** Exchanges by verdict. */
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Unanswered exchanges that could not be placed (exit code 3), not counting broadcasts and the edges of a file. */
  readonly unplaced: number;
}

/** A row of `lasthop exchanges`. */
export interface ExchangeRow {
  readonly protocol: ExchangeProtocol;
  readonly client: string;
  readonly clientPort: number | null;
  readonly server: string;
  readonly serverPort: number | null;
  readonly time: string;
  readonly id: Readonly<Record<string, string | number>>;
  readonly verdict: Verdict;
  readonly certainty: Certainty;
  readonly reason: string | null;
  readonly attempts: number;
  readonly request: ExchangeSide | null;
  readonly reply: ExchangeSide | null;
  /** TCP: what each point saw of each direction; left out for other protocols. */
  readonly stream?: {
    readonly request: readonly StreamPoint[];
    readonly reply: readonly StreamPoint[];
  };
}

export interface ExchangeSide {
  readonly state: 'delivered' | 'lost' | 'unknown';
  readonly lastSeen: string | null;
  readonly nextExpected: string | null;
}

export interface StreamPoint {
  readonly point: string;
  /** Payload octets seen, retransmissions counted once. */
  readonly octets: number;
  /** Highest sequence number seen, relative to the initial one. */
  readonly highest: number;
}

/** A row of `lasthop trails`. */
export interface TrailRow {
  readonly time: string;
  readonly protocol: string;
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number | null;
  readonly dstPort: number | null;
  readonly summary: string;
  readonly direction: 'request' | 'reply' | null;
  readonly state: 'delivered' | 'lost' | 'unknown';
  readonly lastSeen: string;
  readonly nextExpected: string | null;
  readonly certainty: Certainty;
  readonly reason: string | null;
  readonly sightings: readonly SightingRow[];
}

export interface SightingRow {
  readonly point: string;
  readonly file: string;
  readonly frame: number;
  readonly time: string;
  readonly ttl: number;
  readonly tunnel: string | null;
  readonly nat: string | null;
  readonly rung: 'exact' | 'nat-invariant' | 'byte-range' | 'transaction' | 'repetition';
  readonly copy?: true;
  readonly range?: readonly [number, number];
}
