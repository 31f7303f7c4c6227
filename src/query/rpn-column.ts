/**
 * A CDEF: a program run over columns, which may have different steps and ranges.
 *
 * The result runs from the latest start to the earliest end of the variables, at the greatest step that divides all of theirs; a coarser variable keeps its
 * value until a row ends where its own does. Source: rrdgraph_rpn(1), rrdgraph_data(1); what they leave open by asking rrdtool.
 */

import { Malformed } from '../base/faults.js';
import type { WallClock } from '../base/wall-clock.js';
import type { RpnProgram, RpnStep } from './rpn.js';
import { type RpnReading, type RpnRow, RpnStack } from './rpn-stack.js';

/** Values of one series: `values[i]` is that of (start + i*step, start + (i+1)*step], labelled by its end. */
export interface RrdColumn {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly values: Float64Array;
}

/** What an expression knows beside its variables. */
export interface RpnWorld {
  /** Epoch seconds. */
  readonly now: number;
  readonly clock: WallClock;
  /** First day of a week: 0 is Sunday. */
  readonly firstWeekday: number;
}

const rowsMax = 1 << 27;

/** Runs a program. A variable is a column, or (a VDEF) a number. Throws Malformed for what rrdtool refuses too. */
export function calculateColumn(program: RpnProgram, variable: (name: string) => RrdColumn | number, world: RpnWorld): RrdColumn {
  const cursors = program.steps.map((step) => cursorOf(step, variable));
  const columns = cursors.flatMap((cursor) => (cursor.column === undefined ? [] : [cursor.column]));
  if (columns.length === 0) throw new Malformed('rpn expressions without DEF or CDEF variables are not supported');
  const start = Math.max(...columns.map((column) => column.start));
  const end = Math.min(...columns.map((column) => column.end));
  const step = columns.map((column) => column.step).reduce(greatestDivisor);
  const count = Math.max(0, Math.floor((end - start) / step));
  if (count > rowsMax) throw new Malformed(`an expression over ${count} rows (at most ${rowsMax})`);
  for (const cursor of cursors)
    if (cursor.column !== undefined) cursor.next = Math.max(0, Math.floor((start - cursor.column.start) / cursor.column.step));
  const output = new Float64Array(count);
  runRows(cursors, output, start, step, world);
  return { start, end: start + count * step, step, values: output };
}

/** A step of the program and, for a variable, how far it has been read. */
interface Cursor {
  readonly step: RpnStep;
  readonly column: RrdColumn | undefined;
  readonly number: number;
  next: number;
}

function cursorOf(step: RpnStep, variable: (name: string) => RrdColumn | number): Cursor {
  if (step.kind === 'number') return { step, column: undefined, number: step.value, next: 0 };
  if (step.kind === 'operator') return { step, column: undefined, number: Number.NaN, next: 0 };
  const value = variable(step.name);
  return typeof value === 'number'
    ? { step, column: undefined, number: value, next: 0 }
    : { step, column: value, number: Number.NaN, next: 0 };
}

function runRows(cursors: readonly Cursor[], output: Float64Array, start: number, step: number, world: RpnWorld): void {
  const stack = new RpnStack();
  let at = 0;
  const row: RpnRow = { stack, row: 0, time: start, step, output, ...world, variable: (back) => readingOf(cursors[at - back]) };
  for (let index = 0; index < output.length; index++) {
    stack.depth = 0;
    row.row = index;
    row.time = start + (index + 1) * step;
    for (at = 0; at < cursors.length; at++) runStep(cursors[at], row);
    if (stack.depth !== 1) throw new Malformed('RPN final stack size != 1');
    output[index] = stack.pop();
  }
}

function runStep(cursor: Cursor | undefined, row: RpnRow): void {
  if (cursor === undefined) return;
  const { step, column } = cursor;
  if (step.kind === 'operator') {
    step.operator(row);
    return;
  }
  if (column === undefined) {
    row.stack.push(cursor.number);
    return;
  }
  const back = step.kind === 'previous' ? 1 : 0;
  row.stack.push(back === 1 && row.row === 0 ? Number.NaN : (column.values[cursor.next - back] ?? Number.NaN));
  if (row.time % column.step === 0) cursor.next++;
}

function readingOf(cursor: Cursor | undefined): RpnReading | undefined {
  if (cursor?.column === undefined || cursor.step.kind !== 'variable') return undefined;
  return { values: cursor.column.values, step: cursor.column.step, next: cursor.next };
}

export function greatestDivisor(left: number, right: number): number {
  let [a, b] = [left, right];
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
