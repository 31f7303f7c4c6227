/**
 * Availability: for how much of the time nothing is known, from the cells below the values, over any slots. Planned maintenance is left out of the
 * denominator. Shares are made last: seconds known and unknown are added up first, so a month is not the mean of its days.
 *
 * Outages are the stretches of unknown time; stretches that touch are one, and planned maintenance cuts them.
 */

import type { Call, TargetContext, TimeSpan } from './function.js';
import { derive, restOf, type Series, type SlotTimes } from './series.js';

/** An outage, `[start, end)`, epoch seconds. */
export interface Outage extends TimeSpan {
  /** False where an edge is not known: it lies somewhere within a slot. */
  readonly exact: boolean;
  /** It has not ended within the range. */
  readonly open: boolean;
}

/** The share of unknown time of a stored series, in percent; NaN where no time is spoken of. */
export function percentUnknownOf(series: Series, { context }: Pick<Call, 'context'>): Series {
  const times = timesOf(series, context);
  const merged = (start: number, end: number): number => {
    const { known, unknown } = restOf(times, start, end);
    return known + unknown > 0 ? (100 * unknown) / (known + unknown) : Number.NaN;
  };
  const values = Float64Array.from(series.values, (_, slot) => merged(slot, slot + 1));
  const derived = derive(series, `percentUnknown(${series.name})`, values, { percentUnknown: '1' });
  return { ...derived, method: 'average', xFilesFactor: 0, merged, times };
}

/** The time of each slot of a series: a stored one, its `percentUnknown`, or a computed one. */
export function timesOf(series: Series, { now, maintenance = [] }: Pick<TargetContext, 'now' | 'maintenance'>): SlotTimes {
  if (series.times !== undefined) return series.times;
  const { cells, stepSeconds, values } = series;
  const count = values.length;
  const [known, unknown, tails] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
  const states = cells?.states;
  for (let slot = 0; slot < count; slot++) {
    const start = series.start + slot * stepSeconds;
    if (states !== undefined) {
      known[slot] = states.known[slot] as number;
      unknown[slot] = states.unknown[slot] as number;
      const silent = start + Math.max(stepSeconds, (known[slot] as number) + (unknown[slot] as number)) - (states.lastAts[slot] as number);
      tails[slot] = known[slot] === 0 ? (unknown[slot] as number) : Math.min(unknown[slot] as number, Math.max(0, silent));
      continue;
    }
    // Of events a slot without one is unknown, as far as its time has passed; of computed values, one that is not there.
    const share = cells === undefined ? (Number.isNaN(values[slot]) ? 0 : 1) : (cells.filled[slot] as number);
    known[slot] = share * stepSeconds;
    unknown[slot] = Math.max(0, Math.min(stepSeconds, Math.max(0, now - start)) - share * stepSeconds);
  }
  const planned = new Float64Array(count);
  const from = states?.fineFrom === undefined ? {} : { fineFrom: states.fineFrom };
  const times = { known: known.slice(), unknown: unknown.slice(), planned, raw: { known, unknown, tails }, ...from };
  for (const { start, end } of maintenance) {
    const last = Math.min(count, Math.ceil((end - series.start) / stepSeconds));
    for (let slot = Math.max(0, Math.floor((start - series.start) / stepSeconds)); slot < last; slot++) {
      const at = series.start + slot * stepSeconds;
      leaveOut(times, slot, (Math.min(end, at + stepSeconds) - Math.max(start, at)) / stepSeconds);
    }
  }
  return times;
}

// Leaves a share of a slot out. Windows do not overlap, so shares add up to at most the whole.
function leaveOut({ known, unknown, planned, raw }: SlotTimes, slot: number, share: number): void {
  for (const [left, whole] of [[known, raw.known] as const, [unknown, raw.unknown] as const]) {
    const out = Math.min(left[slot] as number, (whole[slot] as number) * share);
    left[slot] = (left[slot] as number) - out;
    planned[slot] = (planned[slot] as number) + out;
  }
}

/** The outages of a series (a stored one, its `percentUnknown`, or a computed one: where it has no value), in order of time. */
export function outagesOf(series: Series, context: Pick<TargetContext, 'now' | 'maintenance'>): Outage[] {
  const { raw } = timesOf(series, context);
  const found: { start: number; end: number; exact: boolean }[] = [];
  const add = (start: number, seconds: number, exact: boolean): void => {
    const before = found.at(-1);
    if (before !== undefined && before.end === start) before.end = start + seconds;
    else found.push({ start, end: start + seconds, exact });
  };
  for (let slot = 0; slot < raw.unknown.length; slot++) {
    const unknown = raw.unknown[slot] as number;
    if (unknown === 0) continue;
    const start = series.start + slot * series.stepSeconds;
    const passed = (raw.known[slot] as number) + unknown;
    const tail = raw.known[slot] === 0 ? unknown : (raw.tails[slot] as number);
    // What is not at the end goes on from the slot before; else it lies somewhere within.
    if (unknown > tail) add(start, unknown - tail, found.at(-1)?.end === start);
    if (tail > 0) add(start + passed - tail, tail, true);
  }
  return found.flatMap((outage) => cut({ ...outage, open: outage.end >= Math.min(series.end, context.now) }, context.maintenance ?? []));
}

// What is left of an outage when planned maintenance is taken out.
function cut(outage: Outage, maintenance: readonly TimeSpan[]): Outage[] {
  const left: Outage[] = [];
  let { start } = outage;
  for (const window of maintenance) {
    if (window.end <= start || window.start >= outage.end) continue;
    if (window.start > start) left.push({ ...outage, start, end: window.start, open: false });
    start = Math.max(start, window.end);
  }
  if (start < outage.end) left.push({ ...outage, start });
  return left;
}

/** Spans in order, those that overlap or touch joined. */
export function joinSpans(spans: readonly TimeSpan[]): TimeSpan[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of [...spans].sort((one, two) => one.start - two.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}
