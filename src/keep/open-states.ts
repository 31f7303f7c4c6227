/**
 * Open states: state cells that are in the journal and not yet in blocks, a run of columns a series, in order of arrival. A state series has one writer that
 * goes forward, so a cell mostly joins the last one or follows it. Beside it: the bytes of a commit's states, as the journal keeps them.
 *
 *   +-----------+-------------+------------+------------------------------------------------------------------------+
 *   | count u32 | 0 u32       | ids f64    | slots, knownMs, unknownMs, integrals, mins, maxs, lasts, lastAts: f64 each |
 *   +-----------+-------------+------------+------------------------------------------------------------------------+
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

const columnCount = 2 + stateFields.length;

/** The bytes of a commit's states; `ids[i]` is the series of cell i, or -1 where it is left out. */
export function encodeStates(states: StateColumns, ids: Int32Array): Uint8Array {
  let count = 0;
  for (let at = 0; at < states.count; at++) if (ids[at] !== -1) count++;
  const columns = new Float64Array(1 + columnCount * count);
  new Uint32Array(columns.buffer, 0, 1)[0] = count;
  const sources = [ids, states.slot, ...stateFields.map((field) => states.cells[field])];
  for (const [column, source] of sources.entries()) {
    let to = 1 + column * count;
    for (let at = 0; at < states.count; at++) if (ids[at] !== -1) columns[to++] = source[at]!;
  }
  return new Uint8Array(columns.buffer);
}

/** Adds what the bytes hold of series from number `from` on. Throws Corrupt. */
export function takeStates(bytes: Uint8Array, open: OpenStates, from: number): number {
  const columns = new Float64Array(bytes.length >> 3);
  new Uint8Array(columns.buffer).set(bytes.subarray(0, columns.byteLength));
  const count = new Uint32Array(columns.buffer, 0, 1)[0]!;
  if (columns.length !== 1 + columnCount * count) throw new Corrupt('a journal entry has states of a wrong length');
  const column = (index: number): Float64Array => columns.subarray(1 + index * count, 1 + (index + 1) * count);
  const [ids, slots] = [column(0), column(1)];
  const cells = Object.fromEntries(stateFields.map((field, index) => [field, column(2 + index)])) as unknown as States;
  let seriesMax = 0;
  for (let at = 0; at < count; at++) {
    const series = ids[at]!;
    if (series < from) continue;
    open.add(series, slots[at]!, cells, at);
    if (series >= seriesMax) seriesMax = series + 1;
  }
  return seriesMax;
}
