import { EDGE, JudgedExchanges, type FindingContext } from './findings/context.js';
import { findAll } from './findings/index.js';
import { safeCommands } from './findings/safe-commands.js';
import { confirmFlows } from './findings/causes/confirm/flow.js';
import type {
  AddressName,
  BackendReport,
  Counts,
  PointReport,
  Report,
  ServiceBackendsReport,
  ServiceInterval,
  ServiceReport,
  TranslationReport,
} from './report/report.js';
import type { Run } from './run.js';
import type { StateRead } from './saved-state.js';
import type { Clock } from './trail/clocks.js';
import { exchangesWith, failuresOf, type Service } from './trail/service-backends.js';
import { Count } from './trail/service-counts.js';
import type { PointEvidence } from './trail/evidence.js';
import { endText, timeText, type Names } from './trail/rows.js';
import { outcomeOf, type Outcome } from './trail/verdict.js';
import type { Exchange } from './trail/exchange.js';
import { VERSION } from './version.js';
import { LAYER_NAMES } from './wire/layers.js';

/** Puts the report together from what a run learnt; `points`: only what the first reading tells. */
export function assemble(run: Run, part: 'all' | 'points' = 'all'): Report {
  const { evidence, flows } = run;
  const base = {
    schema: 'lasthop.report/1' as const,
    version: VERSION,
    points: evidence.points
      .filter((at) => at !== undefined)
      .map((at) => pointReport(run, at))
      .sort((a, b) => (a.point < b.point ? -1 : 1)),
    problems: Object.fromEntries([...run.problems].sort()),
  };
  if (part === 'points')
    return { ...base, flows: [], translations: [], findings: [], services: [], backends: [], counts: countsOf(run, 0) };
  const names = namesOf(run);
  const { end } = run.judge;
  const judged = new JudgedExchanges(run.tracker.exchanges);
  let unplaced = 0;
  run.judge.learn(run.tracker.trails);
  for (const exchange of run.tracker.exchanges) {
    if (exchange.requests + exchange.replies === 0) continue;
    if (run.choice !== null && !run.choice.isExchange(exchange)) continue;
    const outcome = outcomeOf(exchange, run.judge);
    run.backends.count(exchange, outcome, exchange.lastTime >= end - EDGE);
    judged.add(exchange, outcome, flows.count(exchange, outcome.verdict));
    if (isUnplaced(exchange, outcome, end)) unplaced++;
  }
  const services = run.backends.all;
  const context: FindingContext = {
    names,
    evidence,
    topology: run.topology,
    paths: run.paths,
    judge: run.judge,
    exchanges: judged,
    flows,
    services,
    trails: run.tracker.trails,
    followed: run.tracker.trails.filter(({ sightingCount }) => sightingCount > 1),
    others: run.tracker.others,
    store: run.store,
    faults: run.faults,
    choice: run.choice,
    saved: run.saved?.state ?? null,
    clocks: run.clocks,
    base: run.base,
    timeOf: (time) => absolute(time, run.base),
  };
  const flowReports = flows.reports(names, run.paths);
  const report: Report = {
    ...base,
    flows: flowReports,
    translations: translationsOf(run, names),
    services: servicesOf(run),
    backends: backendsOf(run, services),
    findings: safeCommands(confirmFlows(findAll(context), flowReports, names.points, context.saved), names.points),
    counts: countsOf(run, unplaced),
  };
  return run.saved === null ? report : { ...report, ...besides(report, run.saved) };
}

/** What saved state adds to a report besides its word on the causes: that it was read, and whose the addresses are. */
function besides(report: Report, { state, from }: StateRead): Partial<Report> {
  const files = [...state.files.values()].reduce((sum, list) => sum + list.length, 0);
  const nodes = [...state.files.keys()].filter((node) => node !== '').sort();
  const told = { state: { from, files, nodes } };
  if (state.cluster.size === 0) return told;
  const names: Record<string, AddressName> = {};
  for (const address of [...addressesOf(report)].sort()) {
    const named = state.cluster.find(address);
    if (named !== null) names[address] = { kind: named.kind, name: named.name, node: named.node };
  }
  return { ...told, names };
}

const ADDRESS = /\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}/gi;

/** Addresses that a reader of the report meets: the ends of flows, and what findings and their trails speak of. */
function addressesOf({ flows, findings }: Report): Set<string> {
  const found = new Set(flows.flatMap(({ client, server }) => [client, server]));
  for (const { title, causes, trail } of findings) {
    const texts = [title, ...causes.map(({ why }) => why), ...(trail?.steps ?? []).map(({ tunnel }) => tunnel ?? '')];
    for (const text of texts) for (const [address] of text.matchAll(ADDRESS)) found.add(address);
  }
  return found;
}

/** What turns the run's numbers into text. */
export function namesOf(run: Run): Names {
  return {
    addresses: run.addresses,
    points: run.points.points,
    texts: run.texts,
    tunnels: run.window.tunnels,
    files: run.sources.map((source) => source.file),
  };
}

/** A time relative to the run's base as seconds since the epoch. */
export function absolute(time: number, base: number): string {
  const seconds = Math.floor(time / 1e9);
  return timeText(base + seconds, Math.round(time - seconds * 1e9));
}

/** Unanswered and not placed; the edges of the captures do not count, and a datagram needs no answer. */
function isUnplaced(exchange: Exchange, { verdict, request }: Outcome, end: number): boolean {
  if (exchange.protocol === 'udp' || exchange.replies > 0 || exchange.mayLack) return false;
  if (verdict !== 'unknown' && !(verdict === 'unanswered' && request?.state !== 'delivered')) return false;
  if (exchange.requests === 0) return false;
  return exchange.lastTime < end - EDGE || exchange.requests > 1;
}

function pointReport(run: Run, at: PointEvidence): PointReport {
  const { point } = at;
  const full = at.windows.filter((window) => window.frames > 0);
  const clock = run.clocks.get(point.node);
  const protocols: Record<string, number> = {};
  for (const [kind, count] of at.protocols.entries()) if (count > 0) protocols[LAYER_NAMES[kind]!] = count;
  return {
    point: point.name,
    node: point.node === '' ? null : point.node,
    interface: point.interface,
    role: point.role,
    files: [...point.files].sort(),
    frames: at.frames,
    firstTime: full.length === 0 ? null : absolute(Math.min(...full.map((window) => window.first)), run.base),
    lastTime: full.length === 0 ? null : absolute(Math.max(...full.map((window) => window.last)), run.base),
    clock: clock === undefined ? null : clockReport(clock, at),
    protocols,
    undecoded: Object.fromEntries([...at.undecoded].sort()),
    trust: trustOf(run, at),
  };
}

/** Protocols that hide what they carry, by the names that undecoded packets are counted under. */
const ENCRYPTED = ['esp', 'wireguard', 'macsec'];

/** A node's clock over the time of one of its captures; null for the reference itself, and where nothing bounds the error. */
function clockReport(clock: Clock, { point, windows }: PointEvidence): PointReport['clock'] {
  if (clock.reference === point.node) return null;
  const full = windows.filter((window) => window.frames > 0);
  const [first, last] =
    full.length === 0
      ? [0, 0]
      : [Math.min(...full.map((window) => window.first)), Math.max(...full.map((window) => window.last))];
  const offset = clock.aheadAt((first + last) / 2);
  const residual = Math.max(clock.errorAt(clock.correct(first)), clock.errorAt(clock.correct(last)));
  if (residual === Infinity) return null;
  return {
    reference: clock.reference,
    offsetNs: Math.round(offset),
    errorNs: Math.ceil(residual + Math.abs(clock.aheadAt(last) - offset)),
    driftPpm: Math.round(clock.drift * 1e9) / 1e3,
    residualNs: Math.ceil(residual),
  };
}

/** What keeps a capture from being full evidence. */
function trustOf(run: Run, at: PointEvidence): string[] {
  const notes: string[] = [];
  const { filter } = at;
  if (at.frames === 0) notes.push('empty: nothing was seen here, or nothing was captured');
  for (const fault of run.faults) {
    if (at.point.files.includes(fault.file)) notes.push(`${fault.file} is damaged after frame ${fault.frame}`);
  }
  if ((at.dropped ?? 0) > 0) notes.push(`the capture dropped ${at.dropped} frames`);
  if (at.unidentifiable > 0) {
    notes.push(`cut so short that ${at.unidentifiable} packets cannot be told from others (snap length)`);
  } else if (at.cut > 0) {
    notes.push(`${at.cut} frames are cut by the snap length`);
  }
  const encrypted = ENCRYPTED.filter((name) => at.undecoded.has(name)).map(
    (name) => `${name} ${at.undecoded.get(name)}`,
  );
  if (encrypted.length > 0) {
    notes.push(
      `${encrypted.join(', ')}: encrypted, so the packets inside are not visible here; capture at the pods' side of the tunnel`,
    );
  }
  if (filter.noise === 0 && filter.frames > 1) {
    const common = [
      ...(filter.host !== 0 ? [`from or to ${run.addresses.text(filter.host)}`] : []),
      ...(filter.port > 0 ? [`port ${filter.port}`] : []),
    ];
    if (common.length > 0) notes.push(`every frame is ${common.join(', ')}: perhaps a capture filter`);
  }
  return notes;
}

function translationsOf({ tracker }: Run, names: Names): TranslationReport[] {
  return tracker.translations.all.map(({ kind, from, to, between: [before, after], packets }) => ({
    kind,
    from: endText(names, from.address, from.port),
    to: endText(names, to.address, to.port),
    between: [names.points[before]!.name, names.points[after]!.name],
    packets,
  }));
}

/** Series of services that are told; the others are counted in none. */
const MOST_SERVICES = 256;

function servicesOf({ services, addresses, points, base }: Run): ServiceReport[] {
  const told = services.all.map((series) => ({
    series,
    address: addresses.text(series.address),
    point: points.points[series.point]!.name,
    rst: series.total(Count.RST),
    opened: series.total(Count.SYN) + series.total(Count.SYN_ACK),
  }));
  const key = ({ address, series, point }: (typeof told)[number]): string => `${address} ${series.port} ${point}`;
  told.sort((a, b) => b.rst - a.rst || b.opened - a.opened || (key(a) < key(b) ? -1 : 1));
  // The intervals of those alone that are told: there may be thousands of others
  return told.slice(0, MOST_SERVICES).map(({ series, address, point, rst }): ServiceReport => {
    const countsAt = (interval: number): ServiceInterval => ({
      time: absolute((series.first + interval) * series.interval, base),
      syn: series.at(interval, Count.SYN),
      synAck: series.at(interval, Count.SYN_ACK),
      fin: series.at(interval, Count.FIN),
      rst: series.at(interval, Count.RST),
      rstByService: series.at(interval, Count.BY_SERVICE),
    });
    const isFull = ({ syn, synAck, fin, rst }: ServiceInterval): boolean => syn + synAck + fin + rst > 0;
    return {
      address,
      port: series.port,
      point,
      syn: series.total(Count.SYN),
      synAck: series.total(Count.SYN_ACK),
      fin: series.total(Count.FIN),
      rst,
      rstByService: series.total(Count.BY_SERVICE),
      interval: series.interval / 1e9,
      intervals: Array.from({ length: series.length }, (_, i) => countsAt(i)).filter(isFull),
    };
  });
}

/** Services and their backends, those asked most first. */
function backendsOf({ addresses, flows }: Run, services: readonly Service[]): ServiceBackendsReport[] {
  if (services.length === 0) return [];
  const servers = flows.countServers();
  const reports = services.map((service): ServiceBackendsReport => {
    const seen = service.backends.reduce((sum, { exchanges }) => sum + exchanges, 0);
    const failures = failuresOf(service);
    const backends = service.backends.map(({ address, port, exchanges, verdicts, reset }, i): BackendReport => {
      const share = Math.round((exchanges * 1000) / seen) / 10;
      return { address: addresses.text(address), port, exchanges, share, verdicts, reset, fails: failures[i]! };
    });
    return {
      protocol: service.protocol,
      address: addresses.text(service.address),
      port: service.port,
      exchanges: exchangesWith(service, servers),
      backends: backends.sort((a, b) => b.exchanges - a.exchanges || compareEnds(a, b)),
    };
  });
  return reports.sort((a, b) => b.exchanges - a.exchanges || compareEnds(a, b)).slice(0, MOST_SERVICES);
}

function compareEnds(a: { address: string; port: number }, b: { address: string; port: number }): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port;
}

function countsOf(run: Run, unplaced: number): Counts {
  const { evidence, flows, tracker } = run;
  return {
    frames: run.frames,
    packets: evidence.points.reduce((sum, at) => sum + (at?.packets ?? 0), 0),
    exchanges: flows.exchanges,
    trails: tracker.packets,
    evicted:
      run.window.evicted +
      run.window.tunnels.overflowed +
      run.texts.refused +
      run.judge.refused +
      tracker.evicted +
      tracker.translations.refused +
      tracker.exchanges.evicted +
      tracker.exchanges.refused +
      run.services.refused +
      run.backends.refused +
      flows.evicted +
      run.addresses.refused,
    verdicts: flows.verdicts,
    unplaced,
  };
}
