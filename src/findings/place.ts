import type { Place } from '../report/report.js';
import { timeText } from '../trail/rows.js';
import type { Sighting } from '../trail/trail.js';
import type { FindingContext } from './context.js';

/** Where a packet was seen, for a report. */
export function placeOf(context: FindingContext, sighting: Sighting): Place {
  const { names } = context;
  return {
    point: names.points[sighting.point]!.name,
    file: names.files[sighting.file]!,
    frame: sighting.frame,
    time: timeText(sighting.seconds, sighting.nanoseconds),
  };
}
