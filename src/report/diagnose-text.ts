import { differsText } from './differs-text.js';
import { escapeText } from './escape.js';
import { backendLines, failingText, serviceLines } from './services-text.js';
import type {
  Certainty,
  Finding,
  FlowReport,
  PointReport,
  Report,
  Severity,
  StateReport,
  TrailStep,
} from './report.js';
import {
  aligned,
  CROSS,
  counted,
  endpoint,
  milliseconds,
  nanoseconds,
  MOST_ROWS,
  painter,
  rest,
  signedDuration,
  timeOfDay,
  timeSpan,
  VERDICTS,
  wrapped,
  type Paint,
  type TextOptions,
} from './text-layout.js';

/** Nodes named where state was read. */
const MOST_NODES = 10;

const SEVERITY_STYLE: Readonly<Record<Severity, 'red' | 'yellow' | 'cyan'>> = {
  error: 'red',
  warning: 'yellow',
  info: 'cyan',
};

const CERTAINTY: Readonly<Record<Certainty, string>> = {
  shown: 'shown by the captures',
  likely: 'likely',
  unknown: 'not certain',
};

/** A report as a person reads it: the verdict, each finding with its trail and causes, then the summary. */
export function diagnoseText(report: Report, options: TextOptions): string {
  const paint = painter(options.color);
  const points = new Map(report.points.map((point) => [point.point, point]));
  const sections = [head(report, paint)];
  report.findings.forEach((finding, index) => {
    sections.push(findingLines(finding, index + 1, report, points, paint, options.width));
  });
  sections.push(
    flowLines(report.flows, paint),
    serviceLines(report, paint),
    backendLines(report, paint),
    translationLines(report, paint),
    nameLines(report, paint),
    limitLines(report, paint, options.width),
  );
  if (report.findings.length > 0) sections.push(['lasthop explain KIND tells what a finding or a cause means.']);
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function head(report: Report, paint: Paint): string[] {
  const { counts } = report;
  const files = new Set(report.points.flatMap((point) => point.files)).size;
  const window = wholeWindow(report.points);
  const read = `${counted(files, 'capture')}, ${counted(report.points.length, 'point')}, ${counted(counts.frames, 'frame')}`;
  const verdicts = VERDICTS.filter((verdict) => counts.verdicts[verdict] > 0).map(
    (verdict) => `${counts.verdicts[verdict]} ${verdict}`,
  );
  const lines = [paint('bold', verdictLine(report)), `${read}${window === null ? '' : `, ${window}`}`];
  if (counts.exchanges > 0) lines.push(`${counted(counts.exchanges, 'exchange')}: ${verdicts.join(', ')}`);
  if (counts.unplaced > 0 && report.findings.length > 0) {
    lines.push(`${counted(counts.unplaced, 'unanswered exchange')} could not be placed (lasthop exchanges says why)`);
  }
  if (report.state !== undefined) lines.push(stateLine(report.state));
  return lines;
}

function stateLine({ from, files, nodes }: StateReport): string {
  const whose =
    nodes.length === 0 ? '' : ` of ${nodes.slice(0, MOST_NODES).join(', ')}${nodes.length > MOST_NODES ? ', …' : ''}`;
  return escapeText(`state: ${counted(files, 'file')}${whose} read from ${from.join(', ')}`);
}

function verdictLine({ findings, counts }: Report): string {
  if (findings.length > 0) {
    const bySeverity = (['error', 'warning', 'info'] as const)
      .map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const)
      .filter(([, count]) => count > 0)
      .map(([severity, count]) => (severity === 'info' ? `${count} info` : counted(count, severity)));
    return `${counted(findings.length, 'finding')}: ${bySeverity.join(', ')}`;
  }
  if (counts.exchanges === 0) return 'No finding, and no request or reply to judge';
  if (counts.verdicts.answered === counts.exchanges) return 'No finding: every exchange was answered';
  if (counts.verdicts.answered + counts.verdicts.refused === counts.exchanges) {
    return 'No finding: every exchange was answered or refused';
  }
  if (counts.unplaced > 0) {
    return `No finding, but ${counted(counts.unplaced, 'unanswered exchange')} could not be placed (lasthop exchanges says why)`;
  }
  return 'No finding';
}

function wholeWindow(points: readonly PointReport[]): string | null {
  // Decimal strings of one length compare as numbers do; seconds have ten digits until 2286.
  const first = points.map((point) => point.firstTime).filter((time) => time !== null);
  const last = points.map((point) => point.lastTime).filter((time) => time !== null);
  if (first.length === 0 || last.length === 0) return null;
  return timeSpan(
    first.reduce((a, b) => (nanoseconds(b) < nanoseconds(a) ? b : a)),
    last.reduce((a, b) => (nanoseconds(b) > nanoseconds(a) ? b : a)),
  );
}

function findingLines(
  finding: Finding,
  number: number,
  report: Report,
  points: ReadonlyMap<string, PointReport>,
  paint: Paint,
  width: number,
): string[] {
  const label = `${number}. ${finding.severity.toUpperCase()}  `;
  const lines = wrapped(label, escapeText(finding.title), width);
  lines[0] = paint('bold', paint(SEVERITY_STYLE[finding.severity], lines[0]!));
  const flow = finding.flow === null ? undefined : report.flows[finding.flow];
  const facts = [finding.kind, CERTAINTY[finding.certainty]];
  if (flow !== undefined) facts.push(flowText(flow));
  lines.push(...wrapped('   ', facts.join(', '), width));
  if (finding.firstTime !== null && finding.lastTime !== null) {
    lines.push(`   ${timeSpan(finding.firstTime, finding.lastTime)}`);
  }
  if (finding.backends !== undefined) lines.push(...wrapped('   ', failingText(finding.backends), width));
  const earlier = report.findings.slice(0, number - 1);
  const same = earlier.findIndex((other) => isSamePlace(other, finding));
  if (same >= 0) {
    // What is lost at a place that was drawn already: where to look, and no second drawing.
    lines.push(...wrapped('   ', `the same place as in finding ${same + 1}`, width));
  } else if (finding.trail !== null) {
    const which = finding.count === 1 ? 'Point by point' : 'One of them, point by point';
    lines.push('', ...wrapped('   ', `${which} (UTC): ${escapeText(finding.trail.summary)}`, width));
    lines.push(...trailLines(finding.trail.steps, points, paint, width));
  } else if (finding.lastSeen !== null) {
    const { point, file, frame, time } = finding.lastSeen;
    lines.push('', `   last seen      ${escapeText(point)}, ${timeOfDay(time)} UTC, ${frameText(file, frame)}`);
    if (finding.nextExpected !== null) lines.push(`   next expected  ${escapeText(finding.nextExpected)}`);
  }
  lines.push(...differsLines(finding, earlier, width));
  lines.push(...causeLines(finding, earlier, paint, width));
  lines.push(...evidenceLines(finding, width));
  return lines;
}

function isSamePlace(a: Finding, b: Finding): boolean {
  return (
    a.trail !== null &&
    b.trail !== null &&
    b.nextExpected !== null &&
    a.lastSeen?.point === b.lastSeen?.point &&
    a.nextExpected === b.nextExpected
  );
}

function differsLines({ differs }: Finding, earlier: readonly Finding[], width: number): string[] {
  if (differs === undefined) return [];
  const fields = JSON.stringify([differs.point, differs.fields]);
  const same = earlier.findIndex(
    (other) => other.differs && JSON.stringify([other.differs.point, other.differs.fields]) === fields,
  );
  const text = same >= 0 ? `differs as in finding ${same + 1}` : escapeText(differsText(differs));
  return ['', '   Against one of its kind that came through', ...wrapped('     ', text, width)];
}

function causeLines(finding: Finding, earlier: readonly Finding[], paint: Paint, width: number): string[] {
  const { causes } = finding;
  if (causes.length === 0) return [];
  const same = earlier.findIndex((other) => JSON.stringify(other.causes) === JSON.stringify(causes));
  if (same >= 0) {
    const names = causes.map((cause) => `${cause.kind} (${cause.likelihood.toFixed(2)})`).join(', ');
    return ['', ...wrapped('   ', `Causes as in finding ${same + 1}: ${names}`, width)];
  }
  const lines = [
    '',
    causes.length === 1
      ? '   Likely cause, and the command that settles it'
      : '   Causes that fit, likeliest first, each with the command that settles it',
  ];
  for (const cause of causes) {
    const told = earlier.findIndex((other) =>
      other.causes.some((its) => JSON.stringify(its) === JSON.stringify(cause)),
    );
    const before = told >= 0 ? `, as in finding ${told + 1}` : '';
    lines.push(`   ${paint('bold', cause.kind)} (${cause.likelihood.toFixed(2)})${before}`);
    if (told >= 0) continue;
    lines.push(...wrapped('     ', escapeText(cause.why), width));
    for (const { file, line, text, says, note } of cause.evidence ?? []) {
      const by = says === 'confirms' ? paint('bold', 'confirmed by') : 'refuted by';
      const why = note === null ? '' : ` (${escapeText(note)})`;
      lines.push(...wrapped('     ', `${by} ${escapeText(file)}:${line}: ${escapeText(text)}${why}`, width));
    }
    // A command is pasted whole, so it is never wrapped.
    lines.push(`     next: ${paint('cyan', escapeText(cause.next))}`);
  }
  return lines;
}

function evidenceLines({ evidence }: Finding, width: number): string[] {
  if (evidence.length === 0) return [];
  const places = aligned(
    evidence.map(({ point, file, frame, time }) => [escapeText(point), timeOfDay(time), frameText(file, frame)]),
  );
  const room = Math.max(...places.map((place) => place.length));
  return [
    '',
    '   Evidence',
    ...evidence.flatMap(({ note }, index) => {
      const text = escapeText(note);
      if (room + 5 + text.length <= width) return [`   ${places[index]!.padEnd(room)}  ${text}`];
      return [`   ${places[index]!}`, ...wrapped('     ', text, width)];
    }),
  ];
}

const MARKS = { seen: '✓', silent: CROSS, unable: '?' } as const;
const MARK_STYLE = { seen: 'green', silent: 'red', unable: 'yellow' } as const;

/** The path drawn point by point: a row where the packet was seen, a sentence where it was not. */
function trailLines(
  steps: readonly TrailStep[],
  points: ReadonlyMap<string, PointReport>,
  paint: Paint,
  width: number,
): string[] {
  const first = steps.find((step) => step.state === 'seen');
  const names = steps.map((step) => escapeText(step.point));
  const nameWidth = Math.max(...names.map((name) => name.length));
  const rows = aligned(
    steps.map((step) => [
      step.time === null ? '' : timeOfDay(step.time),
      step === first || first === undefined ? '' : delay(first, step, points),
      step.ttl === null ? '' : `ttl ${step.ttl}`,
      step.file === null || step.frame === null ? '' : frameText(step.file, step.frame),
    ]),
    [1],
  );
  const mark = (state: TrailStep['state']) => `   ${paint(MARK_STYLE[state], MARKS[state])} `;
  const lines: string[] = [];
  const sentence = (step: TrailStep, name: string, text: string): void => {
    const [first, ...more] = wrapped(`     ${name.padEnd(nameWidth)}  `, text, Math.max(width, nameWidth + 47));
    lines.push(mark(step.state) + first!.slice(5), ...more);
  };
  const lastSeen = steps.findLastIndex((step) => step.state === 'seen');
  const lost = steps.findIndex((step, index) => index > lastSeen && step.state === 'silent');
  steps.forEach((step, index) => {
    const name = names[index]!;
    if (step.state === 'seen') {
      lines.push(`${mark('seen')}${name.padEnd(nameWidth)}  ${rows[index]!}`);
      const more = [step.tunnel === null ? null : `in ${escapeText(step.tunnel)}`, step.note && escapeText(step.note)];
      for (const text of more) if (text) lines.push(...wrapped(' '.repeat(nameWidth + 7), text, width));
    } else if (index === lost) {
      sentence(step, name, `lost before here: ${missingText(step, points.get(step.point))}`);
    } else if (step.state === 'unable' || lost < 0 || index < lost) {
      sentence(step, name, missingText(step, points.get(step.point)));
    }
  });
  // Where it was lost is the news; that it is nowhere further on follows.
  const further = names.filter((_, index) => lost >= 0 && index > lost && steps[index]!.state === 'silent');
  if (further.length > 0) {
    const [first, ...more] = wrapped('     ', `nor seen at ${further.join(', ')}`, width);
    lines.push(mark('silent') + first!.slice(5), ...more);
  }
  return lines;
}

function missingText(step: TrailStep, point: PointReport | undefined): string {
  const frames =
    point === undefined || point.firstTime === null || point.lastTime === null
      ? 'no frame captured'
      : `${counted(point.frames, 'frame')} ${milliseconds(point.firstTime)} to ${milliseconds(point.lastTime)}`;
  const note = step.note === null ? '' : `: ${escapeText(step.note)}`;
  return `${step.state === 'silent' ? 'never saw it' : 'cannot tell'} (${frames})${note}`;
}

/** Time since the first sighting, with the clocks corrected; empty where the clocks cannot tell. */
function delay(from: TrailStep, to: TrailStep, points: ReadonlyMap<string, PointReport>): string {
  const a = points.get(from.point);
  const b = points.get(to.point);
  if (from.time === null || to.time === null || a === undefined || b === undefined) return '';
  let raw = nanoseconds(to.time) - nanoseconds(from.time);
  // Between a capture in nanoseconds and one in microseconds, the digits that one lacks are no time.
  if (from.time.endsWith('000') || to.time.endsWith('000')) raw -= raw % 1000n;
  if (a.node === b.node) return signedDuration(raw);
  const known =
    a.clock !== null && b.clock !== null
      ? a.clock.reference === b.clock.reference
      : a.clock?.reference === b.node || b.clock?.reference === a.node;
  const bound = (a.clock?.residualNs ?? 0) + (b.clock?.residualNs ?? 0);
  if (!known || !Number.isFinite(bound)) return '';
  const corrected = raw - BigInt(Math.round(aheadAt(b, to.time) - aheadAt(a, from.time)));
  return Math.abs(Number(corrected)) < bound ? '' : signedDuration(corrected);
}

/** How far a point's clock was ahead of its reference at a time of its own. */
function aheadAt({ clock, firstTime, lastTime }: PointReport, time: string): number {
  if (clock === null || firstTime === null || lastTime === null) return clock?.offsetNs ?? 0;
  const fromMiddle = Number(2n * nanoseconds(time) - nanoseconds(firstTime) - nanoseconds(lastTime)) / 2;
  return clock.offsetNs + (fromMiddle * clock.driftPpm) / 1e6;
}

function frameText(file: string, frame: number): string {
  return `${escapeText(file)} frame ${frame}`;
}

function flowText(flow: FlowReport): string {
  return `${flow.protocol} ${endpoint(flow.client, flow.clientPort)} > ${endpoint(flow.server, flow.serverPort)}`;
}

function flowLines(flows: readonly FlowReport[], paint: Paint): string[] {
  if (flows.length === 0) return [];
  const unanswered = (flow: FlowReport) => flow.exchanges - flow.verdicts.answered;
  // Array.sort is stable: flows that are equal in this stay in the report's order.
  const sorted = [...flows].sort((a, b) => unanswered(b) - unanswered(a) || b.exchanges - a.exchanges);
  const columns = VERDICTS.filter(
    (verdict) => verdict === 'answered' || flows.some((flow) => flow.verdicts[verdict] > 0),
  );
  const rows = sorted
    .slice(0, MOST_ROWS)
    .map((flow) => [
      flow.protocol,
      endpoint(flow.client, flow.clientPort),
      endpoint(flow.server, flow.serverPort),
      String(flow.exchanges),
      ...columns.map((verdict) => String(flow.verdicts[verdict])),
    ]);
  const right = [3, ...columns.map((_, index) => index + 4)];
  const [header, ...body] = aligned([['protocol', 'client', 'server', 'exchanges', ...columns], ...rows], right);
  return [
    paint('bold', 'Flows'),
    `  ${paint('dim', header!)}`,
    ...body.map((line) => `  ${line}`),
    ...rest(flows.length, 'flow'),
  ];
}

function translationLines({ translations }: Report, paint: Paint): string[] {
  if (translations.length === 0) return [];
  const rows = translations
    .slice(0, MOST_ROWS)
    .map(({ kind, from, to, between, packets }) => [
      kind,
      `${from} → ${to}`,
      `between ${escapeText(between[0])} and ${escapeText(between[1])}`,
      counted(packets, 'packet'),
    ]);
  return [
    paint('bold', 'Address translation'),
    ...aligned(rows).map((line) => `  ${line}`),
    ...rest(translations.length, 'translation'),
  ];
}

/** Whose the addresses are. */
function nameLines({ names = {} }: Report, paint: Paint): string[] {
  const all = Object.entries(names);
  if (all.length === 0) return [];
  const rows = all
    .slice(0, MOST_ROWS)
    .map(([address, { kind, name, node }]) => [
      address,
      kind,
      escapeText(name),
      node === null ? '' : `on ${escapeText(node)}`,
    ]);
  return [
    paint('bold', 'Whose the addresses are'),
    ...aligned(rows).map((line) => `  ${line}`),
    ...rest(all.length, 'address').map((line) => line.replace('addresss', 'addresses')),
  ];
}

/** What keeps this report from being the whole truth. */
function limitLines(report: Report, paint: Paint, width: number): string[] {
  const notes: string[] = [];
  for (const { point, trust } of report.points) {
    for (const note of trust) notes.push(`${escapeText(point)}: ${escapeText(note)}`);
  }
  const problems = Object.entries(report.problems);
  if (problems.length > 0) {
    notes.push(`wrong octets: ${problems.map(([code, count]) => `${code} in ${counted(count, 'frame')}`).join(', ')}`);
  }
  const undecoded = new Map<string, number>();
  for (const point of report.points) {
    for (const [name, count] of Object.entries(point.undecoded))
      undecoded.set(name, (undecoded.get(name) ?? 0) + count);
  }
  if (undecoded.size > 0) {
    notes.push(`not decoded: ${[...undecoded].map(([name, count]) => `${escapeText(name)} ${count}`).join(', ')}`);
  }
  if (report.counts.evicted > 0) {
    notes.push(
      `${counted(report.counts.evicted, 'entry').replace('entrys', 'entries')} of the pairing tables given up for want of memory (--memory)`,
    );
  }
  if (notes.length === 0) return [];
  return [paint('bold', 'Limits of this report'), ...notes.flatMap((note) => wrapped('  ', note, width))];
}
