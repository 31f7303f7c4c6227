/**
 * Reading the embedded store: chunks of every archive and the open cells of the journal, rolled up on one step. Each point lives in one place, so what
 * is found is added up; an open cell of a slot that a chunk holds already joins it there, so that `filled` counts a slot once.
 */

import { copyMeasure, type Measures, mergeMeasure, replaceMeasure, rollUpMeasure, zeroMeasures } from '../fold/measure.js';
import { chunkSlots, decodeChunk, slotsMax } from './chunk.js';
import { partKinds } from './journal.js';
import type { SeriesFacts } from './lmdb-fold.js';
import { chunkKey, partChunkSeconds, partKey, type Table, type Tables } from './lmdb-tables.js';
import { emptyGathered, type OpenCells } from './open-cells.js';
import type { MeasureRow, PartKind, PartRow } from './store.js';

/** Slots `[start, end)` of a series on a step; `open` are the generations of open cells that hold it. */
export function readMeasures(
  tables: Tables,
  facts: SeriesFacts,
  open: readonly OpenCells[],
  name: string,
  series: number,
  stepSeconds: number,
  from: number,
  end: number,
): MeasureRow {
  const start = from - (from % stepSeconds);
  const cells = idleMeasures(Math.max(0, Math.ceil((end - start) / stepSeconds)));
  const last = start + cells.counts.length * stepSeconds;
  const finest = facts.ladderOf(series)[0]!.stepSeconds;
  for (const generation of open) {
    if (generation.has(series)) joinOpen(generation, series, facts.replaces(series), start, last);
  }
  for (const step of tables.steps()) {
    const whole = step === stepSeconds && pending.count === 0 ? cells : undefined;
    readArchive(tables.step(step)!, series, step, start, last, whole, (slot, chunk, at) => {
      const held = step === finest && pending.count > 0 ? pendingAt(slot) : -1;
      const to = Math.floor((slot - start) / stepSeconds);
      if (held < 0) rollUpMeasure(cells, to, chunk, at);
      else {
        copyMeasure(joined, 0, chunk, at);
        (facts.replaces(series) ? replaceMeasure : mergeMeasure)(joined, 0, pending.cells, held);
        pending.cells.counts[held] = 0;
        rollUpMeasure(cells, to, joined, 0);
      }
    });
  }
  for (let at = 0; at < pending.count; at++)
    rollUpMeasure(cells, Math.floor((pending.slots[at]! - start) / stepSeconds), pending.cells, at);
  pending.count = 0;
  return { series: name, stepSeconds, start, cells, release: () => idle.push(cells) > idleMax && idle.shift() };
}

// Columns that were handed back: who reads many series of one range takes the same ones again and again.
const idle: Measures[] = [];
const idleMax = 2;

function idleMeasures(size: number): Measures {
  if (idle.at(-1)?.counts.length !== size) return zeroMeasures(size);
  const cells = idle.pop() as Measures;
  for (const field of ['counts', 'sums', 'filled'] as const) cells[field].fill(0);
  return cells;
}

const chunkCells = zeroMeasures(slotsMax);
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

// Hands over the cells of an archive one by one; chunks that fit into `whole` (cells on the same step from `start` on) and meet none there go in as they are.
function readArchive(
  table: Table,
  series: number,
  step: number,
  start: number,
  end: number,
  whole: Measures | undefined,
  take: (slot: number, chunk: Measures, at: number) => void,
): void {
  const size = chunkSlots(step);
  const seconds = step * size;
  const lowest = firstChunk(table, false);
  if (lowest < 0) return;
  const highest = firstChunk(table, true);
  const to = Math.min(highest, Math.ceil(end / seconds) - 1);
  for (let chunk = Math.max(lowest, Math.floor(start / seconds)); chunk <= to; chunk++) {
    const bytes = table.getBinaryFast(chunkKeyOnce(chunk, series));
    if (bytes === undefined) continue;
    const chunkStart = chunk * seconds;
    const cell = (chunkStart - start) / step;
    if (whole !== undefined && cell >= 0 && chunkStart + seconds <= end && isEmpty(whole, cell, size)) {
      decodeChunk(bytes, whole, size, chunkStart, step, cell);
      continue;
    }
    chunkCells.counts.fill(0);
    decodeChunk(bytes, chunkCells, size, chunkStart, step);
    for (let at = 0; at < size; at++) {
      const slot = chunkStart + at * step;
      if (chunkCells.counts[at] !== 0 && slot >= start && slot < end) take(slot, chunkCells, at);
    }
  }
}

const keyOnce = Buffer.alloc(8);

// The key of a chunk, good until the next is asked for.
function chunkKeyOnce(chunk: number, series: number): Buffer {
  keyOnce.writeUInt32BE(chunk, 0);
  keyOnce.writeUInt32BE(series, 4);
  return keyOnce;
}

function isEmpty({ counts }: Measures, from: number, size: number): boolean {
  for (let at = from; at < from + size; at++) if (counts[at] !== 0) return false;
  return true;
}

function firstChunk(table: Table, last: boolean): number {
  const range = last ? { reverse: true, limit: 1, start: chunkKey(0xffffffff, 0xffffffff) } : { limit: 1, start: chunkKey(0, 0) };
  for (const key of table.getKeys(range)) return key.readUInt32BE(0);
  return -1;
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
    readArchive(tables.step(step)!, series, step, 0, 0xffffffff, undefined, (slot, cells, at) => put(step, slot, cells, at));
  for (const generation of open) {
    generation.gather(series, 0, Number.POSITIVE_INFINITY, false, gathered);
    for (let at = 0; at < gathered.count; at++) put(finestStep, gathered.slots[at]!, gathered.cells, at);
  }
  return found;
}
