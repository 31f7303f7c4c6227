/**
 * State: the cell of readings that hold over time (RRDtool's sources, pings). Columns, as of `measure.ts`.
 *
 *   knownMs    time for which a value is known        unknownMs  time for which none is        integral   value x milliseconds
 *   min, max   of the values that held                last, lastAt   the value that held last, and up to when, epoch milliseconds
 *
 * Laws: knownMs + unknownMs is the time that readings have spoken of, and never more than the slot; `merge` (another piece of the same slot) and `rollUp`
 * (a neighbouring slot) are the same addition, associative and commutative with the empty cell as its zero, so 24 of 60 unknown stays 24 of 60 at every
 * zoom. A figure that a cell does not hold (it was loaded from a coarse archive of another method) is NaN, and so is what it is merged into.
 */

import type { Measures } from './measure.js';

/** Cells, a column a field. A cell with knownMs and unknownMs 0 is empty and its other fields mean nothing. */
export interface States {
  readonly knownMs: Float64Array;
  readonly unknownMs: Float64Array;
  readonly integrals: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  /** Epoch milliseconds. */
  readonly lastAts: Float64Array;
}

export const stateFields = ['knownMs', 'unknownMs', 'integrals', 'mins', 'maxs', 'lasts', 'lastAts'] as const;

/** `size` empty cells. */
export function zeroStates(size: number): States {
  const column = (): Float64Array => new Float64Array(size);
  return {
    knownMs: column(),
    unknownMs: column(),
    integrals: column(),
    mins: column(),
    maxs: column(),
    lasts: column(),
    lastAts: column(),
  };
}

/** Whether a cell speaks of no time. */
export function isEmptyState(cells: States, at: number): boolean {
  return cells.knownMs[at] === 0 && cells.unknownMs[at] === 0;
}

/** Adds that `value` held over `[fromMs, toMs)`, which lies within the cell's slot; NaN: nothing is known of that time. */
export function addState(cells: States, at: number, fromMs: number, toMs: number, value: number): void {
  const ms = toMs - fromMs;
  if (Number.isNaN(value)) {
    cells.unknownMs[at]! += ms;
    return;
  }
  if (cells.knownMs[at] === 0) {
    cells.integrals[at] = 0;
    cells.mins[at] = value;
    cells.maxs[at] = value;
    cells.lastAts[at] = Number.NEGATIVE_INFINITY;
  }
  cells.knownMs[at]! += ms;
  cells.integrals[at]! += value * ms;
  if (value < cells.mins[at]!) cells.mins[at] = value;
  if (value > cells.maxs[at]!) cells.maxs[at] = value;
  if (toMs >= cells.lastAts[at]!) {
    cells.lasts[at] = value;
    cells.lastAts[at] = toMs;
  }
}

/** Merges cell `from` of `source` into cell `at`: other time of the same slot. */
export function mergeState(cells: States, at: number, source: States, from: number): void {
  const known = source.knownMs[from]!;
  cells.unknownMs[at]! += source.unknownMs[from]!;
  if (known === 0) return;
  if (cells.knownMs[at] === 0) {
    const unknown = cells.unknownMs[at]!;
    copyState(cells, at, source, from);
    cells.unknownMs[at] = unknown;
    return;
  }
  cells.knownMs[at]! += known;
  cells.integrals[at]! += source.integrals[from]!;
  // Math.min and Math.max give NaN where a figure is not held.
  cells.mins[at] = Math.min(cells.mins[at]!, source.mins[from]!);
  cells.maxs[at] = Math.max(cells.maxs[at]!, source.maxs[from]!);
  const later = source.lastAts[from]! - cells.lastAts[at]!;
  if (later > 0 || (later === 0 && !(source.lasts[from]! <= cells.lasts[at]!))) {
    cells.lasts[at] = source.lasts[from]!;
    cells.lastAts[at] = source.lastAts[from]!;
  }
}

/** Rolls cell `from` of `source` up into the coarser cell `at`: time is added either way. */
export const rollUpState = mergeState;

/** Copies a cell. */
export function copyState(cells: States, at: number, source: States, from: number): void {
  cells.knownMs[at] = source.knownMs[from]!;
  cells.unknownMs[at] = source.unknownMs[from]!;
  cells.integrals[at] = source.integrals[from]!;
  cells.mins[at] = source.mins[from]!;
  cells.maxs[at] = source.maxs[from]!;
  cells.lasts[at] = source.lasts[from]!;
  cells.lastAts[at] = source.lastAts[from]!;
}

/** The share of the time spoken of in which nothing is known, in percent; NaN where nothing is spoken of. */
export function percentUnknown(knownMs: number, unknownMs: number): number {
  return knownMs + unknownMs === 0 ? Number.NaN : (100 * unknownMs) / (knownMs + unknownMs);
}

/** What a cell shows by a method; NaN where nothing is known, a smaller share of it than the factor asks for, or the figure is not held. */
export function readState(cells: States, at: number, method: string, xFilesFactor = 0): number {
  const known = cells.knownMs[at]!;
  if (known === 0 || known / (known + cells.unknownMs[at]!) < xFilesFactor - 1e-9) return Number.NaN;
  switch (method) {
    case 'min':
      return cells.mins[at]!;
    case 'max':
      return cells.maxs[at]!;
    case 'last':
      return cells.lasts[at]!;
    case 'sum':
      return cells.integrals[at]! / 1000;
    default:
      return cells.integrals[at]! / known;
  }
}

/** The cells as measures that a reader of averages, sums, least and greatest understands: a second known is an event, its value what held. */
export function measuresOfStates({ knownMs, unknownMs, integrals, mins, maxs, lasts, lastAts }: States): Measures {
  const seconds = (column: Float64Array): Float64Array => column.map((ms) => ms / 1000);
  const filled = knownMs.map((known, at) => (known === 0 ? 0 : known / (known + unknownMs[at]!)));
  return { counts: seconds(knownMs), sums: seconds(integrals), mins, maxs, lasts, lastAts: seconds(lastAts), filled };
}
