/**
 * The stack on which an expression of RRDtool's language is worked out, row by row, and what an operator is told of its row.
 * Law: an operator that finds too little on the stack ends the expression; the stack is bounded.
 */

import { Malformed } from '../base/faults.js';
import type { WallClock } from '../base/wall-clock.js';

/** A row of a program in the making. */
export interface RpnRow {
  readonly stack: RpnStack;
  /** Number of the row, from 0, and the end of its interval, epoch seconds. */
  row: number;
  time: number;
  /** Seconds a row. */
  readonly step: number;
  /** What the expression gave at the rows before. */
  readonly output: Float64Array;
  readonly now: number;
  readonly clock: WallClock;
  /** First day of a week: 0 is Sunday. */
  readonly firstWeekday: number;
  /** The program so far: which variable was read by the step `back` steps before this one. */
  readonly variable: (back: number) => RpnReading | undefined;
}

/** Where a variable was read: its values, and the place after the one read last (the same while a coarser row lasts). */
export interface RpnReading {
  readonly values: Float64Array;
  readonly step: number;
  readonly next: number;
}

export type RpnOperator = (row: RpnRow) => void;

const depthMax = 100_000;

/** The stack; an operator that finds too little on it ends the expression. */
export class RpnStack {
  values = new Float64Array(64);
  depth = 0;

  push(value: number): void {
    if (this.depth === this.values.length) {
      if (this.depth >= depthMax) throw new Malformed('RPN stack overflow');
      const larger = new Float64Array(this.depth * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.depth++] = value;
  }

  pop(): number {
    if (this.depth === 0) throw underflow();
    return this.values[--this.depth] ?? Number.NaN;
  }

  /** Takes a count from the stack, and gives the values below it that it speaks of; they stay on the stack. */
  counted(): Float64Array {
    const count = wholeOf(this.pop());
    if (count > this.depth) throw underflow();
    if (count < 0) throw new Malformed(`a count of ${count} values of the stack`);
    return this.values.subarray(this.depth - count, this.depth);
  }

  /** Replaces the values that `counted` gave by one. */
  replace(values: Float64Array, value: number): void {
    this.depth -= values.length;
    this.push(value);
  }
}

export function underflow(): Malformed {
  return new Malformed('RPN stack underflow');
}

/** A count as C's cast to int makes it. */
export function wholeOf(value: number): number {
  if (!(Math.abs(value) < 2 ** 31)) throw new Malformed(`${value} is no count`);
  return Math.trunc(value);
}

/**
 * Sorts in place, unknowns first, as rrdtool 1.7.2 does: a merge sort whose comparison has an infinity on its right the wrong way round, so that the
 * order of infinities depends on where they stood. Finite values come out in order.
 */
export function sortAsRrdtool(values: Float64Array): void {
  if (values.length < 2) return;
  if (values.every(Number.isFinite)) {
    values.sort();
    return;
  }
  const half = values.length >> 1;
  const left = values.slice(0, half);
  const right = values.slice(half);
  sortAsRrdtool(left);
  sortAsRrdtool(right);
  let [l, r] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    const fromLeft = r >= right.length || (l < left.length && order(left[l] ?? 0, right[r] ?? 0) <= 0);
    values[index] = (fromLeft ? left[l++] : right[r++]) ?? Number.NaN;
  }
}

function order(left: number, right: number): number {
  if (Number.isNaN(left)) return Number.isNaN(right) ? 0 : -1;
  if (Number.isNaN(right)) return 1;
  if (!Number.isFinite(left)) return left > 0 ? 1 : -1;
  if (!Number.isFinite(right)) return right > 0 ? 1 : -1;
  return left - right;
}
