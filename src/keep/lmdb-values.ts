/**
 * The values of a series alone, where every cell is one event in a slot of the step that is asked for: what most answers are made of. Whatever else there is in
 * the range (cells of several events, of other archives, a late point in a slot that a chunk holds) is for `lmdb-scan.ts`, which merges.
 */

import { takeValues } from './chunk-values.js';
import { putBack, usedColumn } from './idle-columns.js';
import { readArchive, showChunks } from './lmdb-chunks.js';
import type { SeriesFacts } from './lmdb-fold.js';
import { openCellsOf } from './lmdb-scan.js';
import type { Tables } from './lmdb-tables.js';
import type { OpenCells } from './open-cells.js';
import type { MeasureRow } from './store.js';

const noCells = new Float64Array(0);
const none = { counts: noCells, sums: noCells, mins: noCells, maxs: noCells, lasts: noCells, lastAts: noCells, filled: noCells };

/** Slots `[start, end)` of a series on a step as values, NaN where nothing is; undefined when it takes more than its chunks' values to tell. */
export function readValues(
  tables: Tables,
  facts: SeriesFacts,
  open: readonly OpenCells[],
  name: string,
  series: number,
  stepSeconds: number,
  from: number,
  end: number,
): MeasureRow | undefined {
  const start = from - (from % stepSeconds);
  const count = Math.max(0, Math.ceil((end - start) / stepSeconds));
  const last = start + count * stepSeconds;
  for (const step of tables.steps()) if (step !== stepSeconds && hasCells(tables, series, step, start, last)) return undefined;
  const values = usedColumn(count);
  if (!showChunks(tables, series, stepSeconds, start, count, (from, to) => takeValues(values.subarray(from, to)))) return undefined;
  const pending = openCellsOf(open, series, facts.replaces(series), start, last);
  if (pending.count > 0 && stepSeconds !== facts.ladderOf(series)[0]!.stepSeconds) return undefined;
  const { counts, sums, mins, maxs, lasts, filled } = pending.cells;
  for (let at = 0; at < pending.count; at++) {
    const slot = (pending.slots[at]! - start) / stepSeconds;
    const value = lasts[at]!;
    const isOne = counts[at] === 1 && filled[at] === 1 && sums[at] === value && mins[at] === value && maxs[at] === value;
    if (!isOne || !Number.isNaN(values[slot]!)) return undefined;
    values[slot] = value;
  }
  return { series: name, stepSeconds, start, cells: none, values, release: () => putBack(values) };
}

function hasCells(tables: Tables, series: number, step: number, start: number, end: number): boolean {
  let found = false;
  readArchive(tables.step(step)!, series, step, start, end, undefined, 0, () => {
    found = true;
  });
  return found;
}
