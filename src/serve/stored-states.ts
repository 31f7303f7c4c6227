/**
 * Slots of a state series for an answer: what the store holds, the time since the newest reading (unknown once the heartbeat is over), and cells
 * of a coarser archive spread evenly over the slots of their time, so that each slot speaks of its own time and no more.
 */

import { isEmptyState, measuresOfStates, type States, zeroStates } from '../fold/state.js';
import type { CellRange, Store } from '../keep/store.js';
import type { LoadedSeries } from './loaded-series.js';
import type { StoredSlots } from './metric-store.js';

/** The slots of a range; `now`, epoch seconds, bounds what can be unknown. As stored, a cell of a coarse archive stands in its first slot. */
export async function readStateSlots(
  store: Store,
  series: LoadedSeries,
  range: CellRange,
  now: number,
  asStored = false,
): Promise<StoredSlots> {
  const { stepSeconds, start, end } = range;
  let cells = zeroStates(Math.max(0, Math.ceil((end - start) / stepSeconds)));
  for await (const row of store.scan('state', range)) cells = row.cells;
  if (!asStored) spread(cells, stepSeconds * 1000);
  const heartbeat = series.state?.heartbeat ?? 0;
  if (now - series.upTo > heartbeat) addSilence(cells, start, stepSeconds, series.upTo, now);
  const measures = measuresOfStates(cells);
  const seconds = (column: Float64Array): Float64Array => column.map((ms) => ms / 1000);
  const { fineFrom } = series.state ?? {};
  return {
    stepSeconds,
    start,
    ...measures,
    states: {
      known: measures.counts,
      unknown: seconds(cells.unknownMs),
      lastAts: measures.lastAts,
      ...(fineFrom === undefined ? {} : { fineFrom }),
    },
  };
}

// A cell that speaks of more time than its slot came from a coarser archive: its time goes on over the empty slots behind it.
function spread(cells: States, stepMs: number): void {
  const { knownMs, unknownMs, integrals, lastAts } = cells;
  for (let at = 0; at < knownMs.length; at++) {
    const total = knownMs[at]! + unknownMs[at]!;
    if (total <= stepMs) continue;
    let count = 1;
    while (count * stepMs < total && at + count < knownMs.length && isEmptyState(cells, at + count)) count++;
    // What reaches beyond the range stays out of it.
    const share = Math.min(1 / count, stepMs / total);
    const [known, unknown, integral, lastAt] = [knownMs[at]!, unknownMs[at]!, integrals[at]!, lastAts[at]!];
    for (let to = at; to < at + count; to++) {
      for (const field of ['mins', 'maxs', 'lasts'] as const) cells[field][to] = cells[field][at]!;
      knownMs[to] = known * share;
      unknownMs[to] = unknown * share;
      integrals[to] = integral * share;
      lastAts[to] = lastAt - (count - 1 - (to - at)) * stepMs;
    }
    at += count - 1;
  }
}

function addSilence(cells: States, start: number, stepSeconds: number, from: number, to: number): void {
  for (let at = Math.max(0, Math.floor((from - start) / stepSeconds)); at < cells.knownMs.length; at++) {
    const slot = start + at * stepSeconds;
    if (slot >= to) return;
    const silent = Math.min(to, slot + stepSeconds) - Math.max(from, slot);
    if (silent > 0) cells.unknownMs[at]! += silent * 1000;
  }
}
