/**
 * How far one clock is ahead of another, as a line over time. A packet cannot arrive before it was sent: what went from the
 * first clock to the second bounds the line from above, what came back bounds it from below. Times and bounds: nanoseconds.
 */

/** Clocks that run freely are off by up to 100 parts per million; the kernel slews by 500 at most (adjtimex(2)). */
const MOST_DRIFT = 500e-6;
/** Most captures keep whole microseconds, so that a time is up to this much after the one written. */
const RESOLUTION = 1000;
/** Bounds that contradict all others and are left out one by one: other packets that happen to be alike. */
const OUTLIERS = 16;
/** Halvings of an interval: 1e-3 of drift down to less than a nanosecond in a day. */
const STEPS = 60;

/** Bounds on one side, in columns: at the time `x` by the first clock the line is at most, or at least, `y`. */
export interface Bounds {
  readonly x: number[];
  readonly y: number[];
}

/** Between `from` and `to` the bound goes from the one to the other error on a line; outside it grows with the distance. */
export interface ErrorBound {
  readonly from: number;
  readonly to: number;
  readonly atFrom: number;
  readonly atTo: number;
  /** Nanoseconds a nanosecond. */
  readonly growth: number;
}

/** ahead(x) = offset + drift * x */
export interface ClockLine {
  readonly offset: number;
  readonly drift: number;
  readonly error: ErrorBound;
}

export const NO_BOUND: ErrorBound = { from: 0, to: 0, atFrom: Infinity, atTo: Infinity, growth: 0 };

export function errorAt({ from, to, atFrom, atTo, growth }: ErrorBound, x: number): number {
  if (x <= from) return atFrom + (from - x) * growth;
  if (x >= to) return atTo + (x - to) * growth;
  return Math.max(atFrom, atFrom + ((atTo - atFrom) * (x - from)) / (to - from));
}

/** The line between the bounds, and how far the true one can be from it. One of the two may be empty, not both. */
export function fitLine(above: Bounds, below: Bounds): ClockLine {
  if (below.x.length === 0) return { ...touching(above, 1), error: NO_BOUND };
  if (above.x.length === 0) return { ...touching(below, -1), error: NO_BOUND };
  let upper = hull(above, 1);
  let lower = hull(below, -1);
  let slack = 0;
  for (let left = OUTLIERS; ; left--) {
    const drift = widest(upper, lower);
    const gap = ceiling(upper, drift) - floor(lower, drift);
    if (gap >= 0) break;
    if (left === 0 || (upper.x.length === 1 && lower.x.length === 1)) {
      slack = -gap / 2;
      break;
    }
    // Of the two bounds that contradict each other the one that is further from others of its kind.
    const high = binding(upper, drift, 1);
    const low = binding(lower, drift, -1);
    const strange = Math.abs(upper.y[high]! - median(above.y)) > Math.abs(lower.y[low]! - median(below.y));
    if ((strange && above.x.length > 1) || below.x.length === 1) {
      remove(above, upper.x[high]!, upper.y[high]!);
      upper = hull(above, 1);
    } else {
      remove(below, lower.x[low]!, lower.y[low]!);
      lower = hull(below, -1);
    }
  }
  const widened = { x: upper.x, y: upper.y.map((y) => y + slack + RESOLUTION) };
  return between(widened, { x: lower.x, y: lower.y.map((y) => y - slack - RESOLUTION) });
}

/** The simplest line between two hulls that leave room for one: no drift where none shows, no offset where none shows. */
function between(upper: Bounds, lower: Bounds): ClockLine {
  const gap = (drift: number): number => ceiling(upper, drift) - floor(lower, drift);
  const best = widest(upper, lower);
  const least = edge(gap, best, -MOST_DRIFT);
  const most = edge(gap, best, MOST_DRIFT);
  const drift = least <= 0 && most >= 0 ? 0 : best;
  const [low, high] = [floor(lower, drift), ceiling(upper, drift)];
  const offset = drift === 0 && low <= 0 && high >= 0 ? 0 : (low + high) / 2;
  const from = Math.min(upper.x[0]!, lower.x[0]!);
  const to = Math.max(upper.x[upper.x.length - 1]!, lower.x[lower.x.length - 1]!);
  const at = (x: number): number => {
    const said = offset + drift * x;
    const top = highest((slope) => ceiling(upper, slope) + slope * x, least, most);
    const bottom = -highest((slope) => -floor(lower, slope) - slope * x, least, most);
    return Math.max(top - said, said - bottom);
  };
  const growth = Math.max(most - drift, drift - least);
  return { offset, drift, error: { from, to, atFrom: at(from), atTo: at(to), growth } };
}

/** The line that bounds on one side touch, with the slope that they have in the middle. `side`: 1 above the line, -1 below. */
function touching(bounds: Bounds, side: 1 | -1): { offset: number; drift: number } {
  const { x, y } = hull(bounds, side);
  const middle = (x[0]! + x[x.length - 1]!) / 2;
  const i = Math.max(
    1,
    x.findIndex((at) => at >= middle),
  );
  const slope = x.length < 2 || x[i] === x[i - 1] ? 0 : (y[i]! - y[i - 1]!) / (x[i]! - x[i - 1]!);
  const drift = Math.max(-MOST_DRIFT, Math.min(MOST_DRIFT, slope));
  return { offset: side > 0 ? ceiling({ x, y }, drift) : floor({ x, y }, drift), drift };
}

/** Highest offset that a drift leaves below the upper bounds, and the lowest above the lower ones. */
function ceiling({ x, y }: Bounds, drift: number): number {
  let least = Infinity;
  for (let i = 0; i < x.length; i++) least = Math.min(least, y[i]! - drift * x[i]!);
  return least;
}

function floor({ x, y }: Bounds, drift: number): number {
  let most = -Infinity;
  for (let i = 0; i < x.length; i++) most = Math.max(most, y[i]! - drift * x[i]!);
  return most;
}

/** Drift that leaves most room between the bounds. */
function widest(upper: Bounds, lower: Bounds): number {
  const gap = (drift: number): number => ceiling(upper, drift) - floor(lower, drift);
  return argument(gap, -MOST_DRIFT, MOST_DRIFT);
}

/** Where a concave function is highest. */
function argument(value: (at: number) => number, from: number, to: number): number {
  for (let i = 0; i < 2 * STEPS; i++) {
    const [a, b] = [from + (to - from) / 3, to - (to - from) / 3];
    if (value(a) < value(b)) from = a;
    else to = b;
  }
  return (from + to) / 2;
}

function highest(value: (at: number) => number, from: number, to: number): number {
  return Math.max(value(argument(value, from, to)), value(from), value(to));
}

/** The furthest from `inside` towards `outside` at which a concave function is not negative. */
function edge(value: (at: number) => number, inside: number, outside: number): number {
  if (value(outside) >= 0) return outside;
  for (let i = 0; i < STEPS; i++) {
    const middle = (inside + outside) / 2;
    if (value(middle) >= 0) inside = middle;
    else outside = middle;
  }
  return outside;
}

function binding({ x, y }: Bounds, drift: number, side: 1 | -1): number {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (side * (y[i]! - drift * x[i]! - (y[best]! - drift * x[best]!)) < 0) best = i;
  return best;
}

/** Lower hull of upper bounds (side 1), or upper hull of lower ones (side -1), in order of time. */
function hull(bounds: Bounds, side: 1 | -1): Bounds {
  const order = bounds.x.map((_, i) => i);
  order.sort((i, j) => bounds.x[i]! - bounds.x[j]! || side * (bounds.y[i]! - bounds.y[j]!));
  const x: number[] = [];
  const y: number[] = [];
  for (const i of order) {
    const [atX, atY] = [bounds.x[i]!, bounds.y[i]!];
    if (x.length > 0 && x[x.length - 1] === atX) continue;
    while (x.length >= 2) {
      const n = x.length;
      const before = (y[n - 1]! - y[n - 2]!) * (atX - x[n - 2]!);
      const after = (atY - y[n - 2]!) * (x[n - 1]! - x[n - 2]!);
      if (side * (before - after) < 0) break;
      x.pop();
      y.pop();
    }
    x.push(atX);
    y.push(atY);
  }
  return { x, y };
}

function remove({ x, y }: Bounds, atX: number, atY: number): void {
  const i = x.findIndex((value, n) => value === atX && y[n] === atY);
  x.splice(i, 1);
  y.splice(i, 1);
}

export function median(values: readonly number[]): number {
  return Float64Array.from(values).sort()[values.length >> 1]!;
}
