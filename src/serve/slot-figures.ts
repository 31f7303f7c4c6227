/**
 * The figure of each slot from its cells (law: merge raw, derive last): by a method of aggregation, which is chosen when reading, or as the percentile of all
 * values where a series keeps them. A method that the cells cannot tell gives an unknown slot, never another method's figure.
 */

import { mergeTimers, type TimerValues } from '../fold/timer-values.js';
import type { Method } from '../query/series.js';
import type { StoredSlots } from './metric-store.js';
import { type Figure, timerFigure } from './served-names.js';

/** The figure of each slot by a method; unknown where too few of its finest slots hold a point. */
export function methodValues(slots: StoredSlots, method: Method, xFilesFactor: number): Float64Array {
  const { counts, sums, mins, maxs, lasts, filled, states } = slots;
  const whole = method === 'sum' ? sums : method === 'min' ? mins : method === 'max' ? maxs : method === 'last' ? lasts : undefined;
  if (whole !== undefined || method === 'average') {
    const values = new Float64Array(counts.length);
    const least = xFilesFactor - 1e-9;
    for (let slot = 0; slot < values.length; slot++) {
      const count = counts[slot] as number;
      if (count === 0 || (filled[slot] as number) < least) values[slot] = Number.NaN;
      // A state that never changed is its own average, to the last bit.
      else if (whole === undefined)
        values[slot] = states !== undefined && mins[slot] === maxs[slot] ? (mins[slot] as number) : (sums[slot] as number) / count;
      else values[slot] = whole[slot] as number;
    }
    return values;
  }
  return counts.map((count, slot) => {
    if (count === 0 || (filled[slot] as number) < xFilesFactor - 1e-9) return Number.NaN;
    switch (method) {
      case 'count':
        return count;
      case 'range':
        return (maxs[slot] as number) - (mins[slot] as number);
      case 'absmax':
        return Math.abs(maxs[slot] as number) >= Math.abs(mins[slot] as number) ? (maxs[slot] as number) : (mins[slot] as number);
      case 'absmin':
        return Math.abs(maxs[slot] as number) < Math.abs(mins[slot] as number) ? (maxs[slot] as number) : (mins[slot] as number);
      case 'avg_zero':
        return ((sums[slot] as number) / count) * (filled[slot] as number);
      default:
        return (sums[slot] as number) / count;
    }
  });
}

/** The percentile of the values of each slot. Where none were kept, what a slot of equal values tells; else unknown. */
export function percentileValues({ counts, mins, maxs, filled, values }: StoredSlots, percent: number, xFilesFactor: number): Float64Array {
  return counts.map((count, slot) => {
    if (count === 0 || (filled[slot] as number) < xFilesFactor - 1e-9) return Number.NaN;
    if (values?.[slot] !== undefined) return quantileOf(values, slot, slot + 1, percent);
    return mins[slot] === maxs[slot] ? (mins[slot] as number) : Number.NaN;
  });
}

/** The percentile of all values of the slots `[start, end)` as one; NaN when there are none. */
export function quantileOf(values: readonly (TimerValues | undefined)[], start: number, end: number, percent: number): number {
  const parts = values.slice(start, end).filter((part) => part !== undefined);
  if (parts.length === 0) return Number.NaN;
  const figure = percent === 50 ? { figure: 'median' } : { figure: 'upper', percent };
  return timerFigure(mergeTimers(parts), figure, 1);
}

/** The mean of all events of the slots `[start, end)` that are shown. */
export function meanOf(counts: Float64Array, sums: Float64Array, shown: Float64Array, start: number, end: number): number {
  let events = 0;
  let sum = 0;
  for (let slot = start; slot < end; slot++) {
    const count = counts[slot] as number;
    if (count === 0 || Number.isNaN(shown[slot])) continue;
    events += count;
    sum += sums[slot] as number;
  }
  return events === 0 ? Number.NaN : sum / events;
}

/** How slots of a figure merge when fewer are shown. */
export function figureMethod(figure: Figure): string {
  switch (figure.figure) {
    case 'sum':
    case 'count':
    case 'sum_squares':
    case 'bin':
      return 'sum';
    case 'upper':
    case 'distinct':
      return 'max';
    case 'lower':
      return 'min';
    case 'last':
      return 'last';
    default:
      return 'average';
  }
}
