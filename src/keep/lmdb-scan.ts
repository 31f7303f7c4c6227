/**
 * Reading the embedded store: chunks of every archive and the open cells of the journal, rolled up on one step. Each point lives in one place, so what
 * is found is added up; an open cell of a slot that a chunk holds already joins it there, so that `filled` counts a slot once.
 */

import { copyMeasure, type Measures, mergeMeasure, replaceMeasure, rollUpMeasure, zeroMeasures } from '../fold/measure.js';
import { takeParts } from './chunk-values.js';
import { idleColumn, putBack } from './idle-columns.js';
import { partKinds } from './journal.js';
import { readArchive, showChunks } from './lmdb-chunks.js';
import type { SeriesFacts } from './lmdb-fold.js';
import { partChunkSeconds, partKey, type Tables } from './lmdb-tables.js';
import { emptyGathered, type Gathered, type OpenCells } from './open-cells.js';
import type { MeasureRow, PartKind, PartRow } from './store.js';

/** Slots `[start, end)` of a series on a step; `open` are the generations of open cells that hold it. `isShown` is that of `CellRange`. */
export function readMeasures(
  tables: Tables,
  facts: SeriesFacts,
  open: readonly OpenCells[],
  name: string,
  series: number,
  stepSeconds: number,
  from: number,
  end: number,
  isShown = false,
): MeasureRow {
  const start = from - (from % stepSeconds);
  const count = Math.max(0, Math.ceil((end - start) / stepSeconds));
  const last = start + count * stepSeconds;
  const finest = facts.ladderOf(series)[0]!.stepSeconds;
  const replaces = facts.replaces(series);
  openCellsOf(open, series, replaces, start, last);
  const shown = isShown ? readShown(tables, series, stepSeconds, start, last) : undefined;
  let cells = shown?.cells ?? idleMeasures(count);
  const put = (to: number, from: Measures, at: number): void => {
    if (shown !== undefined && !shown.isOwn) {
      // Only an open cell is of the step itself; those of other steps share a slot.
      if (from === pending.cells && stepSeconds === finest && putShown(cells, to, from, at)) return;
      cells = ownColumns(cells);
      shown.isOwn = true;
    }
    // Which of the two was the last is not known here.
    if (shown !== undefined && cells.counts[to] !== 0 && cells.lastAts[to]! < 0) shown.isMixed = true;
    rollUpMeasure(cells, to, from, at);
  };
  // Chunks before the first open cell meet none.
  const wholeEnd = pending.count === 0 ? last : Math.min(last, pending.slots[0]!);
  for (const step of tables.steps()) {
    if (shown !== undefined && step === stepSeconds) continue;
    const whole = step === stepSeconds ? cells : undefined;
    readArchive(tables.step(step)!, series, step, start, last, whole, wholeEnd, (slot, chunk, at) => {
      const held = step === finest && pending.count > 0 ? pendingAt(slot) : -1;
      const to = Math.floor((slot - start) / stepSeconds);
      if (held < 0) return put(to, chunk, at);
      copyMeasure(joined, 0, chunk, at);
      (replaces ? replaceMeasure : mergeMeasure)(joined, 0, pending.cells, held);
      pending.cells.counts[held] = 0;
      put(to, joined, 0);
    });
  }
  for (let at = 0; at < pending.count; at++)
    if (pending.cells.counts[at] !== 0) put(Math.floor((pending.slots[at]! - start) / stepSeconds), pending.cells, at);
  if (shown?.isMixed === true) return readMeasures(tables, facts, open, name, series, stepSeconds, from, end);
  const held = cells;
  return { series: name, stepSeconds, start, cells, release: () => new Set(fields.map((field) => held[field])).forEach(putBack) };
}

function idleMeasures(size: number): Measures {
  const column = (): Float64Array => idleColumn(size);
  return { counts: column(), sums: column(), mins: column(), maxs: column(), lasts: column(), lastAts: column(), filled: column() };
}

interface Shown {
  readonly cells: Measures;
  /** The columns are arrays of their own. */
  isOwn: boolean;
  /** A cell met one whose time is not known. */
  isMixed: boolean;
}

// What chunks of the step itself show, where each cell is one event: ones, and values that stand for five columns. Undefined where it is otherwise.
function readShown(tables: Tables, series: number, stepSeconds: number, start: number, end: number): Shown | undefined {
  const count = (end - start) / stepSeconds;
  const [counts, values] = [idleColumn(count), idleColumn(count)];
  const isShown = showChunks(tables, series, stepSeconds, start, count, (from, to) =>
    takeParts(counts.subarray(from, to), values.subarray(from, to)),
  );
  if (!isShown) return undefined;
  const cells = { counts, sums: values, mins: values, maxs: values, lasts: values, lastAts: values, filled: counts };
  return { cells, isOwn: false, isMixed: false };
}

// Puts a cell of one event into a slot that is empty; false when it is another, or the slot is not.
function putShown({ counts, lasts }: Measures, to: number, from: Measures, at: number): boolean {
  const value = from.lasts[at]!;
  if (counts[to] !== 0 || from.counts[at] !== 1 || from.filled[at] !== 1) return false;
  if (from.sums[at] !== value || from.mins[at] !== value || from.maxs[at] !== value) return false;
  counts[to] = 1;
  lasts[to] = value;
  return true;
}

// Columns that are arrays of their own, of cells whose time is not known: -1.
function ownColumns({ counts, lasts }: Measures): Measures {
  const lastAts = new Float64Array(counts.length).fill(-1);
  return { counts, sums: lasts.slice(), mins: lasts.slice(), maxs: lasts.slice(), lasts, lastAts, filled: counts.slice() };
}

const joined = zeroMeasures(1);
const gathered = emptyGathered();
const fields = ['counts', 'sums', 'mins', 'maxs', 'lasts', 'lastAts', 'filled'] as const;
const pending = emptyGathered();

function pendingAt(slot: number): number {
  let [low, high] = [0, pending.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pending.slots[middle]! < slot) low = middle + 1;
    else high = middle;
  }
  return low < pending.count && pending.slots[low] === slot ? low : -1;
}

/** The open cells of a series with slots in `[start, end)`, in order, one a slot; good until the next are asked for. */
export function openCellsOf(open: readonly OpenCells[], series: number, replaces: boolean, start: number, end: number): Gathered {
  pending.count = 0;
  for (const generation of open) if (generation.has(series)) joinOpen(generation, series, replaces, start, end);
  return pending;
}

// Adds the open cells of a generation to `pending`, which stays in order of slot, one cell a slot.
function joinOpen(open: OpenCells, series: number, replaces: boolean, start: number, end: number): void {
  open.gather(series, start, end, replaces, gathered);
  if (gathered.count === 0) return;
  const count = pending.count + gathered.count;
  const [slots, cells] = [new Float64Array(count), zeroMeasures(count)];
  if (pending.count === 0) {
    // The common case: one generation holds what is open.
    slots.set(gathered.slots.subarray(0, count));
    for (const field of fields) cells[field].set(gathered.cells[field].subarray(0, count));
    Object.assign(pending, { count, slots, cells });
    return;
  }
  let to = 0;
  for (let [one, two] = [0, 0]; one < pending.count || two < gathered.count; to++) {
    const first = one < pending.count ? pending.slots[one]! : Number.POSITIVE_INFINITY;
    const second = two < gathered.count ? gathered.slots[two]! : Number.POSITIVE_INFINITY;
    slots[to] = Math.min(first, second);
    if (first <= second) copyMeasure(cells, to, pending.cells, one++);
    if (second <= first) (replaces ? replaceMeasure : mergeMeasure)(cells, to, gathered.cells, two++);
  }
  pending.count = to;
  pending.slots = slots;
  pending.cells = cells;
}

/** Cells of a series of another kind with slots in `[start, end)`, merged on a step, in order. */
export function readParts(
  tables: Tables,
  facts: SeriesFacts,
  open: readonly OpenCells[],
  kind: PartKind,
  name: string,
  series: number,
  stepSeconds: number,
  start: number,
  end: number,
): PartRow[] {
  const found: { slot: number; bytes: Uint8Array; step: number }[] = [];
  const number = partKinds.indexOf(kind);
  const steps = new Set([...facts.ladderOf(series).map((archive) => archive.stepSeconds), ...tables.steps()]);
  for (const step of steps) {
    const seconds = partChunkSeconds(step);
    const bound = partKey(number, step, 0, start);
    let low = bound.readUInt32BE(5);
    for (const key of tables.by.parts.getKeys({ start: bound.fill(0, 9), limit: 1 })) {
      low = key.compare(bound, 0, 5, 0, 5) === 0 ? key.readUInt32BE(5) : Number.POSITIVE_INFINITY;
    }
    for (let chunk = low; chunk * seconds < end; chunk++) {
      const keys = {
        start: partKey(number, step, series, Math.max(start, chunk * seconds)),
        end: partKey(number, step, series, Math.min(end, (chunk + 1) * seconds) - 1),
        inclusiveEnd: true,
      };
      for (const { key, value } of tables.by.parts.getRange(keys))
        found.push({ slot: key.readUInt32BE(13), bytes: Buffer.from(value), step });
    }
  }
  for (const generation of open) {
    for (const part of generation.partsOf.get(series) ?? []) {
      if (part.kind === kind && part.slot >= start && part.slot < end) found.push({ slot: part.slot, bytes: part.bytes, step: 0 });
    }
  }
  found.sort((one, two) => one.slot - two.slot || two.step - one.step);
  const codec = facts.codecs[kind];
  const rows: { series: string; slot: number; bytes: Uint8Array }[] = [];
  for (const { slot: at, bytes } of found) {
    const slot = at - (at % stepSeconds);
    const before = rows[rows.length - 1];
    const join = codec?.rollUp ?? codec?.merge;
    if (before === undefined || before.slot !== slot) rows.push({ series: name, slot, bytes });
    else if (join !== undefined) before.bytes = join(before.bytes, bytes);
  }
  return rows;
}

/** A cell as it is stored. */
export interface StoredCell {
  readonly step: number;
  readonly slot: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly last: number;
  readonly lastAt: number;
  readonly filled: number;
}

/** The cells of a series by step and slot, then the open ones. */
export function storedCells(tables: Tables, open: readonly OpenCells[], series: number, finestStep: number): StoredCell[] {
  const found: StoredCell[] = [];
  const put = (step: number, slot: number, { counts, sums, mins, maxs, lasts, lastAts, filled }: Measures, at: number): void => {
    found.push({
      step,
      slot,
      count: counts[at]!,
      sum: sums[at]!,
      min: mins[at]!,
      max: maxs[at]!,
      last: lasts[at]!,
      lastAt: lastAts[at]!,
      filled: filled[at]!,
    });
  };
  for (const step of tables.steps())
    readArchive(tables.step(step)!, series, step, 0, 0xffffffff, undefined, 0, (slot, cells, at) => put(step, slot, cells, at));
  for (const generation of open) {
    generation.gather(series, 0, Number.POSITIVE_INFINITY, false, gathered);
    for (let at = 0; at < gathered.count; at++) put(finestStep, gathered.slots[at]!, gathered.cells, at);
  }
  return found;
}
