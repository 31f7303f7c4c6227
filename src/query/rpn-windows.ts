/**
 * Operators that look along a series: the sliding averages TREND and TRENDNAN, and the forecasts from earlier days PREDICT, PREDICTSIGMA, PREDICTPERC.
 * They work on the variable that stands right before them in the expression, not on a value of the stack.
 *
 *     x,1800,TREND                      the average over (t - 1800 s, t], unknown where one of its values is; TRENDNAN passes over unknowns
 *     s2,s1,2,1800,x,PREDICT            over the windows of 1800 s that end s1 and s2 seconds before t
 *     86400,-7,1800,x,PREDICT           over those that end 0, 1 ... 6 days before
 *
 * Source: rrdgraph_rpn(1), "TREND, TRENDNAN" and "PREDICT"; the bounds of the windows by asking rrdtool.
 */

import { Malformed } from '../base/faults.js';
import { type RpnOperator, type RpnReading, type RpnRow, sortAsRrdtool, underflow, wholeOf } from './rpn-stack.js';

const shiftsMax = 10_000;

const trend =
  (passOverUnknown: boolean): RpnOperator =>
  (row) => {
    const { stack } = row;
    if (stack.depth < 2) throw underflow();
    const reading = row.variable(2);
    if (reading === undefined) throw new Malformed('malformed trend arguments');
    const seconds = Math.trunc(stack.pop());
    stack.pop();
    stack.push(trendAt(row, reading, seconds, passOverUnknown));
  };

function trendAt(row: RpnRow, { values, step, next }: RpnReading, seconds: number, passOverUnknown: boolean): number {
  if (Number.isNaN(seconds) || row.row + 1 < Math.ceil(Math.fround(Math.fround(seconds) / Math.fround(step)))) return Number.NaN;
  let total = 0;
  let count = 0;
  let left = seconds;
  let index = next - 1;
  do {
    const value = values[index--] ?? Number.NaN;
    if (!passOverUnknown || !Number.isNaN(value)) {
      total += value;
      count++;
    }
    left -= step;
  } while (left > 0);
  return count === 0 ? Number.NaN : total / count;
}

const predict =
  (figure: 'average' | 'sigma' | 'percentile'): RpnOperator =>
  (row) => {
    const { stack } = row;
    const reading = row.variable(1);
    if (reading === undefined) throw new Malformed('malformed predict arguments (expected a variable right before)');
    stack.pop();
    const percentile = figure === 'percentile' ? stack.pop() : Number.NaN;
    // As in C, the whole part is what is compared.
    if (figure === 'percentile' && !(Math.abs(Math.trunc(percentile)) <= 100))
      throw new Malformed(`unsupported percentile: ${percentile.toFixed(6)}`);
    const window = stack.pop();
    const windowRows = Math.ceil(Math.fround(Math.fround(wholeOf(window)) / Math.fround(reading.step)));
    const shifts = shiftsOf(row, wholeOf(stack.pop()));
    const known = knownBefore(row, reading, shifts, windowRows);
    stack.push(figure === 'average' ? average(known) : figure === 'sigma' ? sigma(known) : percentileOf(known, percentile / 100));
  };

/** The shifts in seconds, taken from the stack: as many as told, or multiples of one where the count is negative. */
function shiftsOf({ stack }: RpnRow, count: number): number[] {
  if (Math.abs(count) > shiftsMax) throw new Malformed(`${count} shifts (at most ${shiftsMax})`);
  const shifts: number[] = [];
  if (count < 0) {
    const base = stack.pop();
    for (let multiple = 0; multiple < -count; multiple++) shifts.push(wholeOf(multiple * base));
  } else {
    for (let index = 0; index < count; index++) shifts.unshift(wholeOf(stack.pop()));
  }
  const negative = shifts.find((shift) => shift < 0);
  if (negative !== undefined) throw new Malformed(`negative shift step not allowed: ${negative}`);
  return shifts;
}

function knownBefore(row: RpnRow, { values, step, next }: RpnReading, shifts: readonly number[], windowRows: number): number[] {
  const known: number[] = [];
  for (const shift of shifts) {
    const shiftRows = Math.ceil(Math.fround(Math.fround(shift) / Math.fround(step)));
    const last = Math.min(shiftRows + windowRows, row.row - 1);
    for (let offset = shiftRows; offset <= last; offset++) {
      const value = values[next - offset] ?? Number.NaN;
      if (!Number.isNaN(value)) known.push(value);
    }
  }
  return known;
}

function average(known: readonly number[]): number {
  return known.length === 0 ? Number.NaN : known.reduce((total, value) => total + value, 0) / known.length;
}

function sigma(known: readonly number[]): number {
  const count = known.length;
  if (count < 2) return Number.NaN;
  let [total, squares] = [0, 0];
  for (const value of known) {
    total += value;
    squares += value * value;
  }
  const spread = count * squares - total * total;
  return spread < 0 ? Number.NaN : Math.sqrt(spread / (count * (count - 1)));
}

/** Between values for a positive share, the nearest value for a negative one. */
function percentileOf(known: readonly number[], share: number): number {
  if (known.length === 0) return Number.NaN;
  const sorted = Float64Array.from(known);
  sortAsRrdtool(sorted);
  const place = share * (known.length - 1);
  if (share < 0) return sorted[Math.round(Math.abs(place))] ?? Number.NaN;
  const below = Math.floor(place);
  const value = sorted[below] ?? Number.NaN;
  const beyond = place - below;
  return beyond === 0 ? value : value + ((sorted[below + 1] ?? Number.NaN) - value) * beyond;
}

export const windowOperators: readonly (readonly [string, RpnOperator])[] = [
  ['TREND', trend(false)],
  ['TRENDNAN', trend(true)],
  ['PREDICT', predict('average')],
  ['PREDICTSIGMA', predict('sigma')],
  ['PREDICTPERC', predict('percentile')],
];
