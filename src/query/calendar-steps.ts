/**
 * Steps of the calendar: the edges that cut a range into hours, days, weeks, months or years of a time zone. Days of 23 and 25 hours are as long as they
 * are; weeks begin on Monday; shorter steps are counted from each local midnight. Edges are epoch seconds, the first at or before the
 * range's start, the last at or past its end.
 *
 * The steps of series must divide every edge for a figure to be exact: `alignment` is the greatest number of seconds that does.
 */

import { Malformed } from '../base/faults.js';
import { ZoneCalendar } from '../fold/period.js';
import type { TimeSpan } from './function.js';
import { mergeValues, restOf, type Series, type TimeRest } from './series.js';
import { parseOffset } from './when.js';

const edgesMax = 1_000_000;

/** A step as it was asked for: a fixed number of seconds, or a unit of the calendar. */
export type Step = { readonly seconds: number } | { readonly unit: 'day' | 'week' | 'month' | 'year' };

/** Reads `300`, `5min`, `1h`, `1d`, `1w`, `1mon`, `1y`. Throws Malformed. */
export function parseStep(text: string): Step {
  const unit = /^1?(d|day|w|week|mon|month|y|year)s?$/i.exec(text.trim());
  if (unit !== null) return { unit: { d: 'day', w: 'week', m: 'month', y: 'year' }[(unit[1] as string)[0]?.toLowerCase() as 'd'] as 'day' };
  const seconds = /^\d+$/.test(text) ? Number(text) : /^\d+[a-z]+$/i.test(text) ? parseOffset(text) : Number.NaN;
  if (!(seconds > 0)) throw new Malformed(`'${text.slice(0, 40)}' is no step (expected seconds, or 5min, 1h, 1d, 1week, 1month)`);
  return { seconds };
}

/** The edges of a range `[from, until)`. Throws Malformed for more than a million. */
export function stepEdges(step: Step, from: number, until: number, timeZone: string): Float64Array {
  const calendar = new ZoneCalendar(timeZone);
  const edges: number[] = [];
  const next =
    'unit' in step ? unitSteps(step.unit, from, calendar) : fixedSteps(step.seconds, from, timeZone === 'UTC' ? undefined : calendar);
  for (const edge of next) {
    if (edges.length > edgesMax) throw new Malformed(`the range has more than ${edgesMax} steps (expected a longer --step)`);
    edges.push(edge);
    if (edge >= until) break;
  }
  return Float64Array.from(edges);
}

function* unitSteps(unit: 'day' | 'week' | 'month' | 'year', from: number, calendar: ZoneCalendar): IterableIterator<number> {
  let period = calendar.periodAt(unit === 'week' ? 'day' : unit, from * 1000);
  // Back to Monday, by labels of local days.
  if (unit === 'week') while (new Date(period.label).getUTCDay() !== 1) period = calendar.periodAt('day', period.startMs - 1000);
  for (;;) {
    yield period.startMs / 1000;
    if (unit === 'week') for (let day = 0; day < 6; day++) period = calendar.periodAt('day', period.endMs);
    period = calendar.periodAt(unit === 'week' ? 'day' : unit, period.endMs);
  }
}

function* fixedSteps(seconds: number, from: number, calendar: ZoneCalendar | undefined): IterableIterator<number> {
  if (calendar === undefined || 86_400 % seconds !== 0) {
    for (let edge = from - (from % seconds); ; edge += seconds) yield edge;
  }
  for (let day = calendar.periodAt('day', from * 1000); ; day = calendar.periodAt('day', day.endMs)) {
    for (let edge = day.startMs / 1000; edge < day.endMs / 1000; edge += seconds) if (edge + seconds > from) yield edge;
  }
}

/** The greatest number of seconds that divides every edge. */
export function alignment(edges: Iterable<number>): number {
  let divisor = 0;
  for (const edge of edges) {
    for (let one = edge; one !== 0; ) [divisor, one] = [one, divisor % one];
    if (divisor === 1) return 1;
  }
  return divisor === 0 ? 1 : divisor;
}

/** A series between edges: a figure a step, merged from the cells below, with what it rests on where it is a share of time. */
export interface Bands {
  readonly times: readonly number[];
  readonly ends: readonly number[];
  readonly values: Float64Array;
  readonly rests: readonly TimeRest[] | undefined;
}

export function bandsOf(series: Series, edges: Float64Array): Bands {
  const count = Math.max(0, edges.length - 1);
  const values = new Float64Array(count);
  const slotAt = (edge: number): number =>
    Math.min(series.values.length, Math.max(0, Math.ceil((edge - series.start) / series.stepSeconds)));
  const rests: TimeRest[] = [];
  const { merged, times, method, xFilesFactor } = series;
  for (let band = 0; band < count; band++) {
    const [from, to] = [slotAt(edges[band] as number), slotAt(edges[band + 1] as number)];
    values[band] =
      merged === undefined ? mergeValues(series.values, from, to, method, xFilesFactor) : from < to ? merged(from, to) : Number.NaN;
    if (times !== undefined) rests.push(restOf(times, from, to));
  }
  return { times: [...edges.subarray(0, count)], ends: [...edges.subarray(1)], values, rests: times === undefined ? undefined : rests };
}

/** The edges of spans, for `alignment`. */
export function edgesOf(spans: readonly TimeSpan[]): number[] {
  return spans.flatMap(({ start, end }) => [start, end]);
}
