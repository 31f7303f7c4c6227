/**
 * Open states: state cells that are in the journal and not yet in blocks, a run of columns a series, in order of arrival. A state series has one writer that
 * goes forward, so a cell mostly joins the last one or follows it. Beside it: the bytes of a commit's states, as the journal keeps them.
 *
 *   +-----------+------------+---------------+--------------------------------------------------------------------------------------------+
 *   | count u32 | 9 modes u8 | to 16 bytes 0 | ids, slots, knownMs, unknownMs, integrals, mins, maxs, lasts, lastAts: f64, little-endian  |
 *   +-----------+------------+---------------+--------------------------------------------------------------------------------------------+
 *   mode of a column: 0 count values, 1 one value for all cells, 2 none: it follows from the others
 */

import { Corrupt } from '../base/faults.js';
import { copyState, mergeState, type States, stateFields, zeroStates } from '../fold/state.js';
import type { StateColumns } from './store.js';

/** Cells of one series with their slots. */
export interface StateRun {
  count: number;
  slots: Float64Array;
  cells: States;
}

export class OpenStates {
  /** Cells, of all series. */
  count = 0;
  readonly #runs = new Map<number, StateRun>();

  add(series: number, slot: number, source: States, from: number): void {
    let run = this.#runs.get(series);
    if (run === undefined) {
      run = { count: 0, slots: new Float64Array(4), cells: zeroStates(4) };
      this.#runs.set(series, run);
    }
    const last = run.count - 1;
    if (last >= 0 && run.slots[last] === slot) {
      mergeState(run.cells, last, source, from);
      return;
    }
    if (run.count === run.slots.length) grow(run);
    run.slots[run.count] = slot;
    copyState(run.cells, run.count++, source, from);
    this.count++;
  }

  /** Adds cells `[from, to)`, all of one series. */
  addRun(series: number, slots: Float64Array, source: States, from: number, to: number): void {
    this.add(series, slots[from]!, source, from);
    const run = this.#runs.get(series)!;
    const first = from + 1;
    if (!risesFrom(slots, from, to)) {
      for (let cell = first; cell < to; cell++) this.add(series, slots[cell]!, source, cell);
      return;
    }
    while (run.count + to - first > run.slots.length) grow(run);
    run.slots.set(slots.subarray(first, to), run.count);
    for (const field of stateFields) run.cells[field].set(source[field].subarray(first, to), run.count);
    run.count += to - first;
    this.count += to - first;
  }

  has(series: number): boolean {
    return this.#runs.has(series);
  }

  /** The run of a series, in order of slot; a slot may come twice. Undefined when it has none. */
  runOf(series: number): StateRun | undefined {
    const run = this.#runs.get(series);
    if (run !== undefined) sort(run);
    return run;
  }
}

// Whether each slot lies after the one before it.
function risesFrom(slots: Float64Array, from: number, to: number): boolean {
  for (let cell = from + 1; cell < to; cell++) if (!(slots[cell]! > slots[cell - 1]!)) return false;
  return true;
}

function grow(run: StateRun): void {
  const size = run.slots.length * 2;
  const slots = new Float64Array(size);
  slots.set(run.slots);
  const cells = zeroStates(size);
  for (const field of stateFields) cells[field].set(run.cells[field]);
  run.slots = slots;
  run.cells = cells;
}

function sort(run: StateRun): void {
  let sorted = true;
  for (let at = 1; at < run.count && sorted; at++) sorted = run.slots[at]! >= run.slots[at - 1]!;
  if (sorted) return;
  const order = Array.from({ length: run.count }, (_, at) => at).sort((one, two) => run.slots[one]! - run.slots[two]! || one - two);
  const slots = Float64Array.from(order, (at) => run.slots[at]!);
  const cells = zeroStates(run.count);
  for (const [to, at] of order.entries()) copyState(cells, to, run.cells, at);
  run.slots = slots;
  run.cells = cells;
}

/** Fields as they are journaled: those that are the same in every cell, or follow from others, are not written again and again. */
const journaled = ['ids', 'slots', ...stateFields] as const;
type Journaled = (typeof journaled)[number];
type JournalColumns = Readonly<Record<Journaled, Float64Array>>;

/** What a column is when it is not written; false: it is always written. Of cells that know nothing, only the time that is unknown counts. */
function derive(name: Journaled, { slots, knownMs, lasts }: JournalColumns, to: Float64Array): boolean {
  switch (name) {
    case 'integrals':
      for (let at = 0; at < to.length; at++) to[at] = lasts[at]! * knownMs[at]!;
      return true;
    case 'mins':
    case 'maxs':
      to.set(lasts);
      return true;
    case 'lastAts':
      for (let at = 0; at < to.length; at++) to[at] = slots[at]! * 1000 + knownMs[at]!;
      return true;
    default:
      return false;
  }
}

const [isStored, isSame, isDerived] = [0, 1, 2];

/** The bytes of a commit's states; `ids[i]` is the series of cell i, or -1 where it is left out. */
export function encodeStates(states: StateColumns, ids: Int32Array): Uint8Array {
  const kept = ids.subarray(0, states.count).filter((id) => id !== -1);
  const all = kept.length === states.count;
  const pick = (source: Float64Array): Float64Array =>
    all ? source.slice(0, states.count) : source.subarray(0, states.count).filter((_, at) => ids[at] !== -1);
  const fields = Object.fromEntries(stateFields.map((field) => [field, pick(states.cells[field])]));
  const columns = { ids: Float64Array.from(kept), slots: pick(states.slot), ...fields } as unknown as JournalColumns;
  clearUnknown(columns);
  const scratch = new Float64Array(kept.length);
  const modes = journaled.map((name) => modeOf(columns, name, scratch));
  const size = modes.reduce((sum, mode) => sum + (mode === isStored ? kept.length : mode === isSame ? 1 : 0), 2);
  const values = new Float64Array(size);
  new Uint32Array(values.buffer, 0, 1)[0] = kept.length;
  new Uint8Array(values.buffer).set(modes, 4);
  let at = 2;
  for (const [index, name] of journaled.entries()) {
    if (modes[index] === isDerived) continue;
    const column = modes[index] === isSame ? columns[name].subarray(0, 1) : columns[name];
    values.set(column, at);
    at += column.length;
  }
  return new Uint8Array(values.buffer);
}

function clearUnknown({ knownMs, integrals, lasts, mins, maxs, lastAts, slots }: JournalColumns): void {
  for (let at = 0; at < knownMs.length; at++) {
    if (knownMs[at] !== 0) continue;
    for (const column of [integrals, lasts, mins, maxs]) column[at] = 0;
    lastAts[at] = slots[at]! * 1000;
  }
}

function modeOf(columns: JournalColumns, name: Journaled, scratch: Float64Array): number {
  const column = columns[name];
  if (derive(name, columns, scratch) && isEqual(column, scratch)) return isDerived;
  return isEqual(column, scratch.fill(column[0] ?? 0)) ? isSame : isStored;
}

function isEqual(one: Float64Array, two: Float64Array): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== two[at]) return false;
  return true;
}

/** Adds what the bytes hold of series from number `from` on; answers the greatest number plus one. Throws Corrupt. */
export function takeStates(bytes: Uint8Array, open: OpenStates, from: number): number {
  const values = new Float64Array(bytes.length >> 3);
  new Uint8Array(values.buffer).set(bytes.subarray(0, values.byteLength));
  const count = new Uint32Array(values.buffer, 0, 1)[0]!;
  const modes = new Uint8Array(values.buffer, 4, journaled.length);
  const size = modes.reduce((sum, mode) => sum + (mode === isStored ? count : mode === isSame ? 1 : 0), 2);
  if (values.length !== size || modes.some((mode) => mode > isDerived)) throw new Corrupt('a journal entry has states of a wrong length');
  let at = 2;
  const columns = {} as Record<Journaled, Float64Array>;
  for (const [index, name] of journaled.entries()) {
    if (modes[index] === isStored) {
      columns[name] = values.subarray(at, at + count);
      at += count;
    } else columns[name] = new Float64Array(count).fill(modes[index] === isSame ? values[at++]! : 0);
  }
  for (const [index, name] of journaled.entries()) if (modes[index] === isDerived) derive(name, columns, columns[name]);
  const { ids, slots } = columns;
  let seriesMax = 0;
  for (let cell = 0; cell < count; ) {
    const series = ids[cell]!;
    const first = cell;
    while (cell < count && ids[cell] === series) cell++;
    if (series < from) continue;
    open.addRun(series, slots, columns, first, cell);
    if (series >= seriesMax) seriesMax = series + 1;
  }
  return seriesMax;
}
