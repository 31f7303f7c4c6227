/**
 * Histogram of flows: fixed bins over a figure of a flow record (packets, bytes, duration, bytes a packet), and for each bin the raw counts
 * of flows, packets and bytes. A commutative monoid: `zeroHistogram`, `addFlows`, `mergeHistogram`; percentages are made when it is read,
 * never before (law 1). Bins have an identity: two schemes never merge.
 *
 *   bin i holds the values from[i] .. to[i], both included; the next begins at to[i] + 1; the last may be open (`to` null)
 *
 * Values are whole: duration counts whole milliseconds, bytes a packet are rounded down. A value below the first bin or above the last
 * closed one is counted as outside, so that nothing is dropped in silence (law 2).
 */

import { Refused, Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';

/** What flows are binned by. */
export type ProfileBy = 'packets' | 'bytes' | 'duration' | 'bpp';

/** Units of the values of a bin. */
export const profileUnits: Readonly<Record<ProfileBy, string>> = {
  packets: 'packets',
  bytes: 'bytes',
  duration: 'ms',
  bpp: 'bytes a packet',
};

export interface Bins {
  readonly by: ProfileBy;
  /** First value of each bin, ascending. */
  readonly from: readonly number[];
  /** Last value of the last bin; null: open. */
  readonly end: number | null;
  /** `packets 1,2,3-10,11-`: what tells schemes apart. */
  readonly identity: string;
}

/** Counts of one histogram. The last element of each column is what lies outside the bins. */
export interface Histogram {
  readonly flows: Float64Array;
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
}

const fineEnd: Readonly<Record<ProfileBy, readonly number[]>> = {
  packets: [1, 2, 3, 4, 5, 6, 11, 21, 51, 101, ...steps(200, 10_000_000)],
  bytes: [0, 51, 101, ...steps(200, 10_000_000_000)],
  duration: [0, 1, 11, 21, 51, 101, ...steps(200, 10_000_000)],
  bpp: [0, 41, 65, 129, 257, 513, 1025, 1281, 1501],
};

// First values of bins that end at 1-2-5 steps: 201, 501, 1001, ...
function steps(start: number, end: number): number[] {
  const found: number[] = [];
  for (let power = 100; power <= end; power *= 10) {
    for (const step of [1, 2, 5]) if (step * power >= start && step * power <= end) found.push(step * power + 1);
  }
  return found;
}

/** The bins that hold where none are named. */
export function defaultBins(by: ProfileBy): Bins {
  return binsOf(by, fineEnd[by], null);
}

/** Reads `1,2,3-10,11-100,101-`. Throws Usage for gaps, overlaps and what is no bin. */
export function parseBins(by: ProfileBy, text: string): Bins {
  const from: number[] = [];
  let last: number | null = -1;
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,15})(?:\s*(-)\s*(\d{1,15})?)?\s*$/.exec(part);
    if (match === null) throw new Usage(`--bins: '${part.trim()}' is no bin (expected 7, 3-10 or 101-)`);
    const start = Number(match[1]);
    const end: number | null = match[2] === undefined ? start : match[3] === undefined ? null : Number(match[3]);
    if (last === null) throw new Usage(`--bins: '${part.trim()}' comes after an open bin (expected the open one to be the last)`);
    if (end !== null && end < start) throw new Usage(`--bins: '${part.trim()}' ends before it begins`);
    if (from.length > 0 && start <= last)
      throw new Usage(`--bins: '${part.trim()}' overlaps the bin before it (expected it to begin at ${last + 1})`);
    if (from.length > 0 && start > last + 1) throw new Usage(`--bins: a gap before '${part.trim()}' (expected it to begin at ${last + 1})`);
    from.push(start);
    last = end;
  }
  if (from.length > 4096) throw new Usage(`--bins: ${from.length} bins (expected at most 4096)`);
  return binsOf(by, from, last);
}

/** Bins from their first values. */
export function binsOf(by: ProfileBy, from: readonly number[], end: number | null): Bins {
  const names = from.map((start, index) => binName(start, lastOf(from, end, index)));
  return { by, from, end, identity: `${by} ${names.join(',')}` };
}

/** The last value of bin `index`; null: open. */
export function binEnd({ from, end }: Bins, index: number): number | null {
  return lastOf(from, end, index);
}

function lastOf(from: readonly number[], end: number | null, index: number): number | null {
  return index + 1 < from.length ? (from[index + 1] ?? 0) - 1 : end;
}

/** `7`, `3-10` or `101-`. */
export function binName(from: number, to: number | null): string {
  return to === null ? `${from}-` : to === from ? String(from) : `${from}-${to}`;
}

/** Nothing counted. */
export function zeroHistogram(bins: Bins): Histogram {
  const size = bins.from.length + 1;
  return { flows: new Float64Array(size), packets: new Float64Array(size), bytes: new Float64Array(size) };
}

/** Adds the part, which does not change. Throws Refused beyond 2^53. */
export function mergeHistogram(whole: Histogram, part: Histogram): void {
  for (const name of ['flows', 'packets', 'bytes'] as const) {
    const [to, from] = [whole[name], part[name]];
    for (let index = 0; index < to.length; index++) to[index] = checked((to[index] ?? 0) + (from[index] ?? 0));
  }
}

/** The sum itself; throws Refused where it may have lost something. */
export function checked(sum: number): number {
  if (sum > Number.MAX_SAFE_INTEGER) throw new Refused('a count is beyond 2^53 and would not be exact');
  return sum;
}

// Values below this find their bin in a table.
const tableSize = 4096;

/** Which bin a value lies in: `of(value)`; the number of bins means outside. */
export class BinFinder {
  readonly #from: Float64Array;
  readonly #count: number;
  readonly #end: number;
  /** Bins of the values below `tableSize`. */
  readonly table = new Uint16Array(tableSize);

  constructor(bins: Bins) {
    this.#from = Float64Array.from(bins.from);
    this.#count = bins.from.length;
    this.#end = bins.end ?? Number.POSITIVE_INFINITY;
    for (let value = 0; value < tableSize; value++) this.table[value] = this.#search(value);
  }

  of(value: number): number {
    return value < tableSize ? (this.table[value] as number) : this.#search(value);
  }

  #search(value: number): number {
    const from = this.#from;
    if (value < (from[0] ?? 0) || value > this.#end) return this.#count;
    let low = 0;
    let high = this.#count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((from[middle] as number) <= value) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Writes the bin of each row of a batch to `out`. */
export function binRows(batch: FlowBatch, by: ProfileBy, finder: BinFinder, out: Uint16Array): void {
  const { count, packets, bytes } = batch;
  if (by === 'packets' || by === 'bytes') {
    const column = by === 'packets' ? packets : bytes;
    const { table } = finder;
    for (let row = 0; row < count; row++) {
      const value = column[row] as number;
      out[row] = value < tableSize ? (table[value] as number) : finder.of(value);
    }
  } else if (by === 'bpp') {
    for (let row = 0; row < count; row++) {
      const divisor = packets[row] as number;
      out[row] = finder.of(divisor === 0 ? 0 : Math.floor((bytes[row] as number) / divisor));
    }
  } else {
    for (let row = 0; row < count; row++) out[row] = finder.of(durationMs(batch, row));
  }
}

/** Whole milliseconds that a flow lasted; 0 where its last packet is before its first. */
export function durationMs(batch: FlowBatch, row: number): number {
  const seconds = (batch.lastSeconds[row] as number) - (batch.firstSeconds[row] as number);
  const nanos = (batch.lastNanos[row] as number) - (batch.firstNanos[row] as number);
  return Math.max(0, seconds * 1000 + Math.floor(nanos / 1e6));
}

/** Counts the rows of a batch, whose bins are given, in one histogram. Throws Refused beyond 2^53. */
export function addFlows(histogram: Histogram, batch: FlowBatch, bins: Uint16Array): void {
  const { flows, packets, bytes } = histogram;
  const { count, packets: packetColumn, bytes: byteColumn } = batch;
  for (let row = 0; row < count; row++) {
    const bin = bins[row] as number;
    flows[bin] = (flows[bin] as number) + 1;
    packets[bin] = (packets[bin] as number) + (packetColumn[row] as number);
    bytes[bin] = (bytes[bin] as number) + (byteColumn[row] as number);
  }
  for (const column of [packets, bytes]) for (let bin = 0; bin < column.length; bin++) checked(column[bin] as number);
}
