/**
 * Timer: the cell of measured durations. It keeps every value while there are at most 512, then log-linear bins (64 to a power of two, so that a
 * figure is at most 0.8 % off); sums, squares, least and greatest stay exact. A value sampled at 0.1 counts ten in `weight` and one among the values, as etsy's
 * server has it. Values and counts are kept apart, sorted, so that raw values and bins read alike.
 *
 *   mode u8 (0 raw, 1 bins) | weight f64 | sum f64 | squares f64 | min f64 | max f64 | n u32 | n values f64 | bins only: n counts f64      little-endian
 *
 * Laws: merge is associative and commutative with the empty cell as its zero: bins of the same value are the same bin, and a bin's middle lies in it.
 */

import { Corrupt } from '../base/faults.js';

export interface TimerValues {
  /** Events, weighted by their sampling. */
  readonly weight: number;
  /** Number of values. */
  readonly total: number;
  readonly sum: number;
  readonly squares: number;
  readonly min: number;
  readonly max: number;
  /** In order; equal ones may stand several times while the cell is raw. */
  readonly values: Float64Array;
  readonly counts: Float64Array;
  /** Every value as it came; else middles of bins. */
  readonly exact: boolean;
}

export const rawValuesMax = 512;
/** What a figure from bins is off at most: half of the widest bin. */
export const binErrorPercent = 0.8;
const headSize = 45;

/** A cell of values as they came. */
export function timerOf(values: ArrayLike<number>, weight: number): TimerValues {
  const sorted = Float64Array.from(values).sort();
  const sum = sorted.reduce((left, value) => left + value, 0);
  const squares = sorted.reduce((left, value) => left + value * value, 0);
  const counts = new Float64Array(sorted.length).fill(1);
  return limited({
    weight,
    total: sorted.length,
    sum,
    squares,
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    values: sorted,
    counts,
    exact: true,
  });
}

/** Cells as one; of none: the empty cell. */
export function mergeTimers(cells: readonly TimerValues[]): TimerValues {
  const held = cells.filter((cell) => cell.total > 0);
  const [first] = held;
  if (first === undefined) return timerOf([], 0);
  if (held.length === 1) return first;
  const pairs = held.flatMap((cell) => Array.from(cell.values, (value, index) => [value, cell.counts[index] as number] as const));
  pairs.sort((left, right) => left[0] - right[0]);
  const add = (figure: (cell: TimerValues) => number): number => held.reduce((left, cell) => left + figure(cell), 0);
  return limited({
    weight: add((cell) => cell.weight),
    total: add((cell) => cell.total),
    sum: add((cell) => cell.sum),
    squares: add((cell) => cell.squares),
    min: Math.min(...held.map((cell) => cell.min)),
    max: Math.max(...held.map((cell) => cell.max)),
    values: Float64Array.from(pairs, ([value]) => value),
    counts: Float64Array.from(pairs, ([, count]) => count),
    exact: held.every((cell) => cell.exact),
  });
}

/** Bytes of a cell. */
export function encodeTimer(cell: TimerValues): Uint8Array {
  const { values, counts, exact } = cell;
  const bytes = new Uint8Array(headSize + values.length * (exact ? 8 : 16));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, exact ? 0 : 1);
  [cell.weight, cell.sum, cell.squares, cell.min, cell.max].forEach((figure, index) => {
    view.setFloat64(1 + index * 8, figure, true);
  });
  view.setUint32(41, values.length, true);
  values.forEach((value, index) => {
    view.setFloat64(headSize + index * 8, value, true);
  });
  if (!exact) {
    counts.forEach((count, index) => {
      view.setFloat64(headSize + (values.length + index) * 8, count, true);
    });
  }
  return bytes;
}

/** A cell from its bytes; throws Corrupt when they are none. */
export function decodeTimer(bytes: Uint8Array): TimerValues {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const exact = bytes[0] === 0;
  const size = bytes.length < headSize || (bytes[0] as number) > 1 ? -1 : view.getUint32(41, true);
  if (size < 0 || bytes.length !== headSize + size * (exact ? 8 : 16)) {
    throw new Corrupt(`a timer cell of ${bytes.length} bytes does not hold what its head says`);
  }
  const number = (offset: number): number => view.getFloat64(offset, true);
  const values = Float64Array.from({ length: size }, (_, index) => number(headSize + index * 8));
  const counts = Float64Array.from({ length: size }, (_, index) => (exact ? 1 : number(headSize + (size + index) * 8)));
  const total = counts.reduce((left, count) => left + count, 0);
  return { weight: number(1), total, sum: number(9), squares: number(17), min: number(25), max: number(33), values, counts, exact };
}

/** How timers merge in a store. */
export const timerValuesCodec = {
  merge: (one: Uint8Array, two: Uint8Array): Uint8Array => encodeTimer(mergeTimers([decodeTimer(one), decodeTimer(two)])),
};

function limited(cell: TimerValues): TimerValues {
  if (cell.exact && cell.total <= rawValuesMax) return cell;
  const bins = new Map<number, number>();
  cell.values.forEach((value, index) => {
    const middle = binMiddle(value);
    bins.set(middle, (bins.get(middle) ?? 0) + (cell.counts[index] as number));
  });
  const pairs = [...bins].sort((left, right) => left[0] - right[0]);
  return {
    ...cell,
    values: Float64Array.from(pairs, ([value]) => value),
    counts: Float64Array.from(pairs, ([, count]) => count),
    exact: false,
  };
}

/** The middle of the bin that a value lies in: 64 bins of equal width to each power of two. */
export function binMiddle(value: number): number {
  const size = Math.abs(value);
  if (size < Number.MIN_VALUE * 2 ** 60) return 0;
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size) exponent--;
  else if (2 ** (exponent + 1) <= size) exponent++;
  const width = 2 ** (exponent - 6);
  const middle = (Math.floor(size / width) + 0.5) * width;
  return value < 0 ? -middle : middle;
}
