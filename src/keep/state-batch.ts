/**
 * States of a batch in the making: what held from when to when is cut exactly at the slots of the archives that will hold it, and pieces of one slot are
 * added up. A span of years (a machine that was away) is cut by coarse slots where only coarse archives reach, so that it costs no more cells than the
 * archives have slots; what none reaches is left out.
 */

import { addState, copyState, type States, stateFields, zeroStates } from '../fold/state.js';
import type { Ladder, StateColumns } from './store.js';

const longSlots = 10_000;

export class StateBatch {
  count = 0;
  #series = new Int32Array(256);
  #slots = new Float64Array(256);
  #cells = zeroStates(256);
  /** Where the newest cell of a series stands. */
  readonly #open = new Map<number, number>();

  /** Adds that `value` held over `[fromMs, toMs)` in a series on a ladder; NaN: unknown. `newest` is the series' newest reading, epoch seconds. */
  add(series: number, ladder: Ladder, newest: number, fromMs: number, toMs: number, value: number): void {
    const finest = ladder[0]!;
    if (ladder.length > 1 && fromMs < (newest - finest.keepSeconds) * 1000) {
      this.#addOld(series, ladder, newest, fromMs, toMs, value);
      return;
    }
    this.#cutLong(series, finest.stepSeconds, ladder[1]?.stepSeconds, fromMs, toMs, value);
  }

  /** Adds a cell that was made elsewhere, of a slot that no other cell of the batch has. */
  put(series: number, slot: number, source: States, from: number): void {
    this.#open.delete(series);
    const cell = this.#next(series, slot);
    copyState(this.#cells, cell, source, from);
  }

  /** The cells added since the last clear. */
  columns(): StateColumns {
    return { count: this.count, series: this.#series, slot: this.#slots, cells: this.#cells };
  }

  clear(): void {
    this.count = 0;
    this.#open.clear();
  }

  #addOld(series: number, ladder: Ladder, newest: number, fromMs: number, toMs: number, value: number): void {
    const coarsest = ladder[ladder.length - 1]!;
    let from = Math.max(fromMs, edgeMs(newest - coarsest.keepSeconds, coarsest.stepSeconds));
    for (let index = ladder.length - 1; index >= 0; index--) {
      const { stepSeconds } = ladder[index]!;
      const finer = ladder[index - 1];
      const to = finer === undefined ? toMs : Math.min(toMs, edgeMs(newest - finer.keepSeconds, stepSeconds));
      if (to <= from) continue;
      this.#cutLong(series, stepSeconds, ladder[index + 1]?.stepSeconds, from, to, value);
      from = to;
    }
  }

  // Of a long time without readings, the whole slots of the next archive are a cell each: it says the same of every slot that it spans.
  #cutLong(series: number, stepSeconds: number, nextSeconds: number | undefined, fromMs: number, toMs: number, value: number): void {
    const nextMs = (nextSeconds ?? stepSeconds * longSlots) * 1000;
    const [first, last] = [Math.ceil(fromMs / nextMs) * nextMs, Math.floor(toMs / nextMs) * nextMs];
    if (!Number.isNaN(value) || toMs - fromMs < longSlots * stepSeconds * 1000 || first >= last) {
      this.#cut(series, stepSeconds, fromMs, toMs, value);
      return;
    }
    this.#cut(series, stepSeconds, fromMs, first, value);
    this.#cut(series, nextMs / 1000, first, last, value);
    this.#cut(series, stepSeconds, last, toMs, value);
  }

  #cut(series: number, stepSeconds: number, fromMs: number, toMs: number, value: number): void {
    const stepMs = stepSeconds * 1000;
    for (let at = fromMs; at < toMs; ) {
      const slotMs = at - (at % stepMs);
      const end = Math.min(toMs, slotMs + stepMs);
      const cell = this.#cell(series, slotMs / 1000);
      addState(this.#cells, cell, at, end, value);
      at = end;
    }
  }

  #cell(series: number, slot: number): number {
    const open = this.#open.get(series);
    return open !== undefined && this.#slots[open] === slot ? open : this.#next(series, slot);
  }

  #next(series: number, slot: number): number {
    const at = this.count++;
    if (at === this.#series.length) this.#grow();
    this.#series[at] = series;
    this.#slots[at] = slot;
    this.#cells.knownMs[at] = 0;
    this.#cells.unknownMs[at] = 0;
    this.#open.set(series, at);
    return at;
  }

  #grow(): void {
    const size = this.#series.length * 2;
    const series = new Int32Array(size);
    series.set(this.#series);
    const slots = new Float64Array(size);
    slots.set(this.#slots);
    const cells = zeroStates(size);
    for (const field of stateFields) cells[field].set(this.#cells[field]);
    this.#series = series;
    this.#slots = slots;
    this.#cells = cells;
  }
}

function edgeMs(seconds: number, stepSeconds: number): number {
  return (seconds - (((seconds % stepSeconds) + stepSeconds) % stepSeconds)) * 1000;
}
