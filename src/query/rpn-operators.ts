/**
 * Every operator of RRDtool's CDEF language but those that look along a series (`rpn-windows.ts`): a function over the stack of one row.
 *
 * Unknown is NaN. Comparisons with an unknown are unknown, and IF takes an unknown for false; the NAN forms and the set operations pass over unknowns.
 * Two constants and the order of infinities in a sort are rrdtool 1.7.2's own, so that figures agree; ROLL follows the manual (rrdtool 1.7.2 reads
 * beyond its stack there). Source: rrdgraph_rpn(1); what it leaves open by asking rrdtool.
 */

import { Malformed } from '../base/faults.js';
import { wallTime } from '../base/wall-clock.js';
import { type RpnOperator, type RpnRow, type RpnStack, sortAsRrdtool, underflow, wholeOf } from './rpn-stack.js';
import { windowOperators } from './rpn-windows.js';

const unary =
  (compute: (value: number) => number): RpnOperator =>
  ({ stack }) =>
    stack.push(compute(stack.pop()));

const binary =
  (compute: (left: number, right: number) => number): RpnOperator =>
  ({ stack }) => {
    const right = stack.pop();
    stack.push(compute(stack.pop(), right));
  };

const compare = (holds: (left: number, right: number) => boolean): RpnOperator =>
  binary((left, right) => (Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : holds(left, right) ? 1 : 0));

/** Either number where the other is unknown. */
const passing = (compute: (left: number, right: number) => number): RpnOperator =>
  binary((left, right) => (Number.isNaN(left) ? right : Number.isNaN(right) ? left : compute(left, right)));

const constant =
  (value: (row: RpnRow) => number): RpnOperator =>
  (row) =>
    row.stack.push(value(row));

/** One value of the counted ones, unknowns left out. */
const overKnown =
  (compute: (known: Float64Array) => number): RpnOperator =>
  ({ stack }) => {
    const values = stack.counted();
    stack.replace(values, compute(values.filter((value) => !Number.isNaN(value))));
  };

/** Whether the calendar moved on from the row before. */
const newPeriod = (periodOf: (row: RpnRow, time: number) => number): RpnOperator =>
  constant((row) => (periodOf(row, row.time) === periodOf(row, row.time - row.step) ? 0 : 1));

export const rpnOperators: ReadonlyMap<string, RpnOperator> = new Map<string, RpnOperator>([
  ['+', binary((left, right) => left + right)],
  ['-', binary((left, right) => left - right)],
  ['*', binary((left, right) => left * right)],
  ['/', binary((left, right) => left / right)],
  ['%', binary((left, right) => left % right)],
  ['ADDNAN', passing((left, right) => left + right)],
  ['POW', binary((left, right) => (left === 1 || (left === -1 && !Number.isFinite(right) && !Number.isNaN(right)) ? 1 : left ** right))],
  ['SIN', unary(Math.sin)],
  ['COS', unary(Math.cos)],
  ['LOG', unary(Math.log)],
  ['EXP', unary(Math.exp)],
  ['SQRT', unary(Math.sqrt)],
  ['ATAN', unary(Math.atan)],
  ['ATAN2', binary(Math.atan2)],
  ['FLOOR', unary(Math.floor)],
  ['CEIL', unary(Math.ceil)],
  ['ROUND', unary(roundHalfAway)],
  ['ABS', unary(Math.abs)],
  ['DEG2RAD', unary((value) => 0.0174532952 * value)],
  ['RAD2DEG', unary((value) => 57.29577951 * value)],
  ['LT', compare((left, right) => left < right)],
  ['LE', compare((left, right) => left <= right)],
  ['GT', compare((left, right) => left > right)],
  ['GE', compare((left, right) => left >= right)],
  ['EQ', compare((left, right) => left === right)],
  ['NE', compare((left, right) => left !== right)],
  ['UN', unary((value) => (Number.isNaN(value) ? 1 : 0))],
  ['ISINF', unary((value) => (Number.isNaN(value) || Number.isFinite(value) ? 0 : 1))],
  ['IF', chooseOne],
  ['MIN', binary(Math.min)],
  ['MAX', binary(Math.max)],
  ['MINNAN', passing(Math.min)],
  ['MAXNAN', passing(Math.max)],
  ['LIMIT', limit],
  ['UNKN', constant(() => Number.NaN)],
  ['INF', constant(() => Number.POSITIVE_INFINITY)],
  ['NEGINF', constant(() => Number.NEGATIVE_INFINITY)],
  ['PREV', constant(({ row, output }) => (row === 0 ? Number.NaN : (output[row - 1] ?? Number.NaN)))],
  ['COUNT', constant(({ row }) => row + 1)],
  ['NOW', constant(({ now }) => now)],
  ['TIME', constant(({ time }) => time)],
  ['LTIME', constant(({ time, clock }) => time + clock.offsetSeconds(time))],
  ['STEPWIDTH', constant(({ step }) => step)],
  ['NEWDAY', newPeriod(({ clock }, time) => wallTime(clock, time).day)],
  ['NEWWEEK', newPeriod(weekOf)],
  ['NEWMONTH', newPeriod(({ clock }, time) => wallTime(clock, time).month)],
  ['NEWYEAR', newPeriod(({ clock }, time) => wallTime(clock, time).year)],
  ['DUP', ({ stack }) => duplicate(stack)],
  ['POP', ({ stack }) => void stack.pop()],
  ['EXC', ({ stack }) => exchange(stack)],
  ['DEPTH', ({ stack }) => stack.push(stack.depth)],
  ['COPY', ({ stack }) => copy(stack)],
  ['INDEX', ({ stack }) => pick(stack)],
  ['ROLL', ({ stack }) => roll(stack)],
  ['SORT', ({ stack }) => sortAsRrdtool(stack.counted())],
  ['REV', ({ stack }) => void stack.counted().reverse()],
  ['AVG', overKnown((known) => sum(known) / known.length)],
  ['SMIN', overKnown((known) => (known.length === 0 ? Number.NaN : known.reduce((least, value) => Math.min(least, value))))],
  ['SMAX', overKnown((known) => (known.length === 0 ? Number.NaN : known.reduce((most, value) => Math.max(most, value))))],
  ['STDEV', overKnown(deviation)],
  ['MEDIAN', ({ stack }) => median(stack)],
  ['PERCENT', ({ stack }) => percent(stack)],
  ...windowOperators,
]);

/** To the nearest whole number, halves away from zero, as C's round(); rrdtool has it from 1.8.0 on. */
function roundHalfAway(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

function chooseOne({ stack }: RpnRow): void {
  const otherwise = stack.pop();
  const then = stack.pop();
  const condition = stack.pop();
  stack.push(Number.isNaN(condition) || condition === 0 ? otherwise : then);
}

function limit({ stack }: RpnRow): void {
  const high = stack.pop();
  const low = stack.pop();
  const value = stack.pop();
  stack.push(value >= low && value <= high ? value : Number.NaN);
}

function weekOf({ clock, firstWeekday }: RpnRow, time: number): number {
  const days = Math.floor((time + clock.offsetSeconds(time)) / 86_400);
  // Day 0 of the epoch was a Thursday, 4.
  return Math.floor((days + 4 - firstWeekday) / 7);
}

function duplicate(stack: RpnStack): void {
  const value = stack.pop();
  stack.push(value);
  stack.push(value);
}

function exchange(stack: RpnStack): void {
  const top = stack.pop();
  const below = stack.pop();
  stack.push(top);
  stack.push(below);
}

function copy(stack: RpnStack): void {
  for (const value of Float64Array.from(stack.counted())) stack.push(value);
}

function pick(stack: RpnStack): void {
  const place = wholeOf(stack.pop());
  if (place > stack.depth) throw underflow();
  if (place < 1) throw new Malformed(`INDEX of ${place} (expected 1, the top, or more)`);
  stack.push(stack.values[stack.depth - place] ?? Number.NaN);
}

/** `a,b,c,d,3,1,ROLL` is `a,d,b,c`; with -1 it is `a,c,d,b`. */
function roll(stack: RpnStack): void {
  const by = wholeOf(stack.pop());
  const values = stack.counted();
  if (values.length < 2) return;
  const first = ((-by % values.length) + values.length) % values.length;
  const turned = Float64Array.from(values, (_, index) => values[(index + first) % values.length] ?? Number.NaN);
  values.set(turned);
}

function sum(values: Float64Array): number {
  let total = 0;
  // From the top of the stack down, the order in which rrdtool adds.
  for (let index = values.length - 1; index >= 0; index--) total += values[index] ?? Number.NaN;
  return total;
}

/** Of a sample: divided by one less than there are. */
function deviation(known: Float64Array): number {
  if (known.length < 2) return Number.NaN;
  const average = sum(known) / known.length;
  return Math.sqrt(sum(known.map((value) => (value - average) ** 2)) / (known.length - 1));
}

function median(stack: RpnStack): void {
  const values = stack.counted();
  // Unknowns make room for the last known, as in rrdtool; the order before a sort tells where infinities are.
  let end = values.length;
  for (let index = 0; index < end; ) {
    if (Number.isNaN(values[index])) values[index] = values[--end] ?? Number.NaN;
    else index++;
  }
  const known = values.slice(0, end);
  sortAsRrdtool(known);
  const middle = known.length >> 1;
  const upper = known[middle] ?? Number.NaN;
  stack.replace(values, known.length % 2 === 1 ? upper : 0.5 * (upper + (known[middle - 1] ?? Number.NaN)));
}

/** The value below which that share of the counted ones lies; unknowns are lowest. */
function percent(stack: RpnStack): void {
  const count = stack.pop();
  const share = stack.pop();
  if (!(share >= 0 && share <= 100)) throw new Malformed('percentile argument must be between 0 and 100');
  stack.push(count);
  const values = stack.counted();
  if (values.length === 0) throw underflow();
  sortAsRrdtool(values);
  const place = Math.floor((share * values.length) / 100 + 0.5) - 1;
  stack.replace(values, values[Math.max(0, place)] ?? Number.NaN);
}
