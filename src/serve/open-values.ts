/**
 * Values as they arrive, kept whole until the next flush: those of timers and of series that carry a histogram, and the members of sets. One open cell a series;
 * a value of another slot closes it and opens the next.
 *
 * Law: a value is handed over exactly once. A cell that is flushed in pieces is merged by the store.
 */

import type { SetCell, TimerCell } from './metric-store.js';

const setMembersMax = 1_000_000;

export class OpenValues {
  #timers: TimerCell[] = [];
  #openTimer = new Map<number, TimerCell>();
  #sets: SetCell[] = [];
  #openSet = new Map<number, SetCell>();
  /** Values and members that wait. */
  pending = 0;

  addValue(series: number, slot: number, value: number, weight: number): void {
    let cell = this.#openTimer.get(series);
    if (cell === undefined || cell.slot !== slot) {
      cell = { series, slot, values: [], weight: 0 };
      this.#openTimer.set(series, cell);
      this.#timers.push(cell);
    }
    cell.values.push(value);
    cell.weight += weight;
    this.pending++;
  }

  /** False when the set is full. */
  addMember(series: number, slot: number, member: string): boolean {
    let cell = this.#openSet.get(series);
    if (cell === undefined || cell.slot !== slot) {
      cell = { series, slot, members: new Set() };
      this.#openSet.set(series, cell);
      this.#sets.push(cell);
    }
    if (cell.members.size >= setMembersMax) return false;
    cell.members.add(member);
    this.pending++;
    return true;
  }

  drain(): { readonly timers: TimerCell[]; readonly sets: SetCell[] } {
    const drained = { timers: this.#timers, sets: this.#sets };
    this.#timers = [];
    this.#sets = [];
    this.#openTimer = new Map();
    this.#openSet = new Map();
    this.pending = 0;
    return drained;
  }
}
