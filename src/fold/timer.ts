/**
 * Timer: the values of a slot. Up to 512 of them are kept as they are; beyond, log-linear bins: 64 to each power of two, named by the top bits of the
 * float64 itself, so that a bin's middle is within 0.8 % of every value in it and bins of any two cells add up. Count, sum, least and greatest stay exact.
 * A sampled value's weight multiplies the count only, as etsy's server has it.
 *
 *   +---------+------------+---------+---------+-------------+---------+---------+------------------------------------------+
 *   | mode u8 | weight f64 | n f64   | sum f64 | squares f64 | min f64 | max f64 | raw: n f64, sorted; bins: (bin u32, f64)* |
 *   +---------+------------+---------+---------+-------------+---------+---------+------------------------------------------+
 *
 * Law: raw if and only if n <= 512; so any split and order of the same values gives the same mode, count and bins.
 */

import { Corrupt } from '../base/faults.js';

export interface Timer {
  weight: number;
  n: number;
  sum: number;
  squares: number;
  min: number;
  max: number;
  /** Sorted; undefined once there are bins. */
  raw: Float64Array | undefined;
  bins: Map<number, number>;
}

export const rawMax = 512;
const headBytes = 49;
const word = new DataView(new ArrayBuffer(8));

/** A timer of some values, whose weighted count is given. */
export function timerOf(values: ArrayLike<number>, weight: number): Timer {
  const sorted = Float64Array.from(values).sort();
  let [sum, squares] = [0, 0];
  for (const value of sorted) {
    sum += value;
    squares += value * value;
  }
  const n = sorted.length;
  const timer: Timer = { weight, n, sum, squares, min: sorted[0] ?? 0, max: sorted[n - 1] ?? 0, raw: sorted, bins: new Map() };
  return n > rawMax ? binned(timer) : timer;
}

/** The timer of both. */
export function mergeTimers(one: Timer, two: Timer): Timer {
  if (one.n === 0 || two.n === 0) {
    const full = one.n === 0 ? two : one;
    return { ...full, weight: one.weight + two.weight };
  }
  const merged: Timer = {
    weight: one.weight + two.weight,
    n: one.n + two.n,
    sum: one.sum + two.sum,
    squares: one.squares + two.squares,
    min: Math.min(one.min, two.min),
    max: Math.max(one.max, two.max),
    raw: undefined,
    bins: new Map(),
  };
  if (one.raw !== undefined && two.raw !== undefined) {
    const raw = new Float64Array(merged.n);
    raw.set(one.raw);
    raw.set(two.raw, one.n);
    merged.raw = raw.sort();
    return merged.n > rawMax ? binned(merged) : merged;
  }
  for (const part of [one, two]) {
    const { bins } = part.raw === undefined ? part : binned(part);
    for (const [bin, count] of bins) merged.bins.set(bin, (merged.bins.get(bin) ?? 0) + count);
  }
  return merged;
}

/** The values in order: as they came, or a bin's middle for each (within 0.8 %), at most `countMax` evenly chosen. */
export function timerValues(timer: Timer, countMax = 100_000): Float64Array {
  if (timer.raw !== undefined) return timer.raw;
  const bins = [...timer.bins].map(([bin, count]) => ({ middle: Math.min(timer.max, Math.max(timer.min, middleOf(bin))), count }));
  bins.sort((one, two) => one.middle - two.middle);
  const size = Math.min(timer.n, countMax);
  const values = new Float64Array(size);
  let [bin, passed] = [0, 0];
  for (let index = 0; index < size; index++) {
    const rank = Math.floor((index * timer.n) / size);
    while (bin < bins.length - 1 && passed + (bins[bin]?.count ?? 0) <= rank) passed += bins[bin++]?.count ?? 0;
    values[index] = bins[bin]?.middle ?? 0;
  }
  if (size > 0) {
    values[0] = timer.min;
    values[size - 1] = timer.max;
  }
  return values;
}

export function encodeTimer(timer: Timer): Uint8Array {
  const size = timer.raw === undefined ? 12 * timer.bins.size : 8 * timer.n;
  const bytes = new Uint8Array(headBytes + size);
  const view = new DataView(bytes.buffer);
  bytes[0] = timer.raw === undefined ? 1 : 0;
  [timer.weight, timer.n, timer.sum, timer.squares, timer.min, timer.max].forEach((value, index) => {
    view.setFloat64(1 + 8 * index, value, true);
  });
  let at = headBytes;
  if (timer.raw !== undefined) {
    for (const value of timer.raw) {
      view.setFloat64(at, value, true);
      at += 8;
    }
    return bytes;
  }
  for (const [bin, count] of [...timer.bins].sort(([one], [two]) => one - two)) {
    view.setUint32(at, bin, true);
    view.setFloat64(at + 4, count, true);
    at += 12;
  }
  return bytes;
}

/** Throws Corrupt for bytes that are no timer. */
export function decodeTimer(bytes: Uint8Array): Timer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headBytes || (bytes[0] as number) > 1) throw new Corrupt(`a timer of ${bytes.length} bytes has a wrong head`);
  const field = (index: number): number => view.getFloat64(1 + 8 * index, true);
  const timer: Timer = {
    weight: field(0),
    n: field(1),
    sum: field(2),
    squares: field(3),
    min: field(4),
    max: field(5),
    raw: undefined,
    bins: new Map(),
  };
  if (bytes[0] === 0) {
    if (timer.n > rawMax || bytes.length !== headBytes + 8 * timer.n)
      throw new Corrupt(`a timer of ${timer.n} values has ${bytes.length} bytes`);
    timer.raw = Float64Array.from({ length: timer.n }, (_, index) => view.getFloat64(headBytes + 8 * index, true));
    return timer;
  }
  for (let at = headBytes; at + 12 <= bytes.length; at += 12) timer.bins.set(view.getUint32(at, true), view.getFloat64(at + 4, true));
  return timer;
}

/** How a store joins timers. */
export const timerCodec = {
  merge: (one: Uint8Array, two: Uint8Array): Uint8Array => encodeTimer(mergeTimers(decodeTimer(one), decodeTimer(two))),
};

function binned(timer: Timer): Timer {
  const bins = new Map<number, number>();
  for (const value of timer.raw ?? []) {
    word.setFloat64(0, value);
    const bin = word.getUint32(0) >>> 14;
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  return { ...timer, raw: undefined, bins };
}

// Sign, exponent and six bits of the fraction; the middle has the next bit set. The bin of zero is zero.
function middleOf(bin: number): number {
  if ((bin & 0x1ffff) === 0) return 0;
  word.setUint32(0, ((bin << 14) | 0x2000) >>> 0);
  word.setUint32(4, 0);
  return word.getFloat64(0);
}
