import { escapeText } from './escape.js';
import type { PointReport, Report } from './report.js';
import {
  aligned,
  counted,
  duration,
  nanoseconds,
  painter,
  timeSpan,
  wrapped,
  type TextOptions,
} from './text-layout.js';

/** `lasthop points`: what is in the captures, and how far each can be trusted. */
export function pointsText(report: Report, options: TextOptions): string {
  const paint = painter(options.color);
  const heads = aligned(
    report.points.map((point) => [
      escapeText(point.point),
      point.role,
      counted(point.frames, 'frame'),
      windowText(point),
    ]),
  );
  const lines: string[] = [];
  report.points.forEach((point, index) => {
    lines.push(paint('bold', heads[index]!));
    const detail = (name: string, text: string) => lines.push(...wrapped(`  ${name.padEnd(13)}`, text, options.width));
    detail('files', point.files.map(escapeText).join(', '));
    if (Object.keys(point.protocols).length > 0) detail('packets', countsText(point.protocols));
    if (Object.keys(point.undecoded).length > 0) detail('not decoded', countsText(point.undecoded));
    if (point.clock !== null) detail('clock', clockText(point.clock));
    for (const note of point.trust) detail('trust', escapeText(note));
  });
  const problems = countsText(report.problems);
  lines.push('', `${counted(report.points.length, 'point')}, ${counted(report.counts.frames, 'frame')}`);
  if (problems !== '') lines.push(...wrapped('wrong octets: ', problems, options.width));
  return `${lines.join('\n')}\n`;
}

function clockText({ reference, offsetNs, residualNs, driftPpm }: NonNullable<PointReport['clock']>): string {
  const offset = duration(BigInt(Math.round(Math.abs(offsetNs))));
  const bound = `, ± ${duration(BigInt(Math.round(residualNs)))}`;
  const drift = driftPpm === 0 ? '' : `, ${Math.abs(driftPpm).toFixed(1)} ppm too ${driftPpm > 0 ? 'fast' : 'slow'}`;
  const name = escapeText(reference);
  if (offsetNs === 0) return `agrees with ${name}${bound}${drift}`;
  return `${offset} ${offsetNs < 0 ? 'behind' : 'ahead of'} ${name}${bound}${drift}`;
}

function windowText({ firstTime, lastTime }: PointReport): string {
  if (firstTime === null || lastTime === null) return 'empty';
  return `${timeSpan(firstTime, lastTime)} (${duration(nanoseconds(lastTime) - nanoseconds(firstTime))})`;
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${escapeText(name)} ${count}`)
    .join(', ');
}
