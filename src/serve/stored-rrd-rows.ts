/**
 * Rows of a state series at its finest step. Where only a coarse archive still holds the time, its cell stands in its first slot: the unknown part of its
 * time becomes so many unknown rows, and its figure stands in the rest, so that an expression over the rows finds what was unknown.
 */

import { readState, type States } from '../fold/state.js';

/** `count` rows of `stepMs`; NaN is unknown: no cell, or less than half of a row known. */
export function fineStateRows(cells: States | undefined, count: number, stepMs: number, method: string): Float64Array {
  const rows = new Float64Array(count).fill(Number.NaN);
  if (cells === undefined) return rows;
  for (let at = 0; at < count; at++) {
    const known = cells.knownMs[at] ?? 0;
    const total = known + (cells.unknownMs[at] ?? 0);
    if (known === 0) continue;
    // A figure that never changed is told as it was, without the rounding of its integral.
    const isConstant = cells.mins[at] === cells.maxs[at];
    const value = readState(cells, at, method === 'average' && isConstant ? 'min' : method);
    const slots = Math.max(1, Math.round(total / stepMs));
    if (slots === 1) {
      if (known >= stepMs / 2 - 1e-3) rows[at] = value;
      continue;
    }
    const unknownSlots = Math.round((total - known) / stepMs);
    rows.fill(value, Math.min(count, at + unknownSlots), Math.min(count, at + slots));
    at += slots - 1;
  }
  return rows;
}
