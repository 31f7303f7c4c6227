/**
 * Flows folded by chosen keys, and the groups in an order: what `--top`, `--aggregate` and `--bidirectional` report.
 *
 * The law, as nfdump's: a two-sided key (ip, port, as, if) counts a flow once for each side, twice when both are the same. Rates are whole
 * numbers over the time from the group's first to its last flow, in milliseconds, and 0 when that is nothing. A list is in descending
 * order of its figure; groups that share a figure stand in the order of their keys, so that the same flows give the same list. What both
 * directions of a biflow carried is kept apart, and can be counted together.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { type FlowKey, fillKeys, keyWords } from './flow-keys.js';
import { FlowTable, partRows, type TableGroups } from './flow-table.js';

export const groupFigures = ['flows', 'packets', 'bytes', 'bps', 'pps', 'bpp'] as const;
export type GroupFigure = (typeof groupFigures)[number];
export type GroupOrder = GroupFigure | 'tstart' | 'tend' | 'duration';

/** Whether packets and bytes of the forward direction are counted, or those of both. */
export type Way = 'forward' | 'both';

interface Total {
  flows: number;
  packets: number;
  bytes: number;
  packetsRev: number;
  bytesRev: number;
}

/** What one share of the flows folds to, to be added to another. */
export interface FoldedGroups {
  readonly total: Readonly<Total>;
  readonly table: TableGroups;
}

/** Folds batches; `isBidirectional` joins a TCP or UDP flow to the group of the opposite direction when that one stands. */
export class FlowGroups {
  readonly keys: readonly FlowKey[];
  readonly table: FlowTable;
  readonly isBidirectional: boolean;
  /** All flows folded, each once. */
  readonly total: Total = { flows: 0, packets: 0, bytes: 0, packetsRev: 0, bytesRev: 0 };
  readonly #sides: readonly (0 | 1)[];

  constructor(keys: readonly FlowKey[], isBidirectional = false) {
    this.keys = keys;
    this.table = new FlowTable(keyWords(keys));
    this.isBidirectional = isBidirectional;
    this.#sides = keys.some((key) => key.sides.length > 1) ? [0, 1] : [0];
  }

  fold(batch: FlowBatch): void {
    const { total, table } = this;
    total.flows += batch.flowCount === undefined ? batch.count : flowsIn(batch.flowCount, batch.count);
    for (const name of ['packets', 'bytes', 'packetsRev', 'bytesRev'] as const) total[name] += sumOf(batch[name], batch.count);
    for (let start = 0; start < batch.count; start += partRows) {
      const end = Math.min(start + partRows, batch.count);
      for (const side of this.#sides) {
        fillKeys(batch, this.keys, side, start, end, table.keys);
        table.fold(batch, start, end, this.isBidirectional);
      }
    }
  }

  /** What was folded, as it can be handed to another thread. */
  folded(): FoldedGroups {
    return { total: this.total, table: this.table.groups() };
  }

  /** Adds what another share folded to. Two directions may have become groups of their own in two shares: then they are joined. */
  absorb({ total, table }: FoldedGroups): void {
    for (const name of ['flows', 'packets', 'bytes', 'packetsRev', 'bytesRev'] as const) this.total[name] += total[name];
    this.table.absorb(table, this.isBidirectional);
  }

  /** Time from the first to the last flow, in milliseconds; 0 when the last ends before the first begins. */
  durationMs(group: number): number {
    return Math.max(0, this.endMs(group) - this.startMs(group));
  }

  /** When the first flow began, in whole milliseconds of the epoch. */
  startMs(group: number): number {
    return Number(this.table.firstNs(group) / 1_000_000n);
  }

  /** When the last flow ended, in whole milliseconds of the epoch. */
  endMs(group: number): number {
    return Number(this.table.lastNs(group) / 1_000_000n);
  }

  packets(group: number, way: Way): number {
    return way === 'forward' ? this.table.packets(group) : this.table.packets(group) + this.table.packetsRev(group);
  }

  bytes(group: number, way: Way): number {
    return way === 'forward' ? this.table.bytes(group) : this.table.bytes(group) + this.table.bytesRev(group);
  }

  figure(name: GroupOrder, group: number, way: Way): number {
    if (name === 'flows') return this.table.flows(group);
    if (name === 'packets') return this.packets(group, way);
    if (name === 'bytes') return this.bytes(group, way);
    if (name === 'bpp') return this.packets(group, way) > 0 ? Math.floor(this.bytes(group, way) / this.packets(group, way)) : 0;
    if (name === 'tstart') return this.startMs(group);
    if (name === 'tend') return this.endMs(group);
    const durationMs = this.durationMs(group);
    if (name === 'duration') return durationMs;
    if (durationMs === 0) return 0;
    // Over seconds in a float, as nfdump divides: its whole numbers are the same.
    return Math.floor((name === 'bps' ? 8 * this.bytes(group, way) : this.packets(group, way)) / (durationMs / 1000));
  }

  /** The first `most` groups (all when 0) by a figure, and how many that are left out have the last one's figure. */
  ordered(by: GroupOrder, most: number, way: Way): { groups: Uint32Array; ties: number } {
    const { count } = this.table;
    const values = new Float64Array(count);
    const sign = by === 'tstart' || by === 'tend' ? -1 : 1;
    for (let group = 0; group < count; group++) values[group] = sign * this.#rank(by, group, way);
    if (most === 0 || most >= count) {
      const all = new Uint32Array(count);
      for (let group = 0; group < count; group++) all[group] = group;
      return { groups: this.#sorted(all, values), ties: 0 };
    }
    // Only what reaches the last place is sorted.
    const bound = nthLargest(values, most);
    const found: number[] = [];
    for (let group = 0; group < count; group++) if (values[group]! >= bound) found.push(group);
    const sorted = this.#sorted(Uint32Array.from(found), values);
    return { groups: sorted.subarray(0, most), ties: sorted.length - most };
  }

  // nfdump orders by rates in whole numbers, and prints what a float gives: 23 packets in 23 ms rank as 1000 a second and are printed as 999.
  #rank(by: GroupOrder, group: number, way: Way): number {
    if (by !== 'bps' && by !== 'pps') return this.figure(by, group, way);
    const durationMs = this.durationMs(group);
    if (durationMs === 0) return 0;
    return Math.floor((by === 'bps' ? 8000 * this.bytes(group, way) : 1000 * this.packets(group, way)) / durationMs);
  }

  #sorted(groups: Uint32Array, values: Float64Array): Uint32Array {
    return groups.sort((left, right) => values[right]! - values[left]! || this.#compareKeys(left, right));
  }

  #compareKeys(left: number, right: number): number {
    const { table } = this;
    for (let word = 0; word < table.words; word++) {
      const [one, other] = [table.key(left, word), table.key(right, word)];
      if (one !== other) return this.#isAddressWord(word) ? swap(one) - swap(other) : one - other;
    }
    return 0;
  }

  #isAddressWord(word: number): boolean {
    let at = 0;
    for (const key of this.keys) {
      if (word < at + key.words) return key.words === 4;
      at += key.words;
    }
    return false;
  }
}

// A row is one flow unless it says how many it was made of.
function flowsIn(column: Float64Array, count: number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) sum += Math.max(1, column[row]!);
  return sum;
}

/** The first `count` numbers of a column, added up: exact as long as the sum is, since none is negative. */
export function sumOf(column: Float64Array | undefined, count: number): number {
  if (column === undefined) return 0;
  // Four that do not wait for each other.
  let [one, two, three, four] = [0, 0, 0, 0];
  let row = 0;
  for (; row + 4 <= count; row += 4) {
    one += column[row]!;
    two += column[row + 1]!;
    three += column[row + 2]!;
    four += column[row + 3]!;
  }
  for (; row < count; row++) one += column[row]!;
  return one + two + three + four;
}

/** The n-th largest of the values: the top of a heap of the n largest so far. */
function nthLargest(values: Float64Array, n: number): number {
  if (n > values.length / 8) return Float64Array.from(values).sort()[values.length - n]!;
  const heap = values.slice(0, n).sort();
  for (let index = n; index < values.length; index++) {
    const value = values[index]!;
    if (value <= heap[0]!) continue;
    let at = 0;
    for (let child = 1; child < n; child = 2 * at + 1) {
      if (child + 1 < n && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
  return heap[0]!;
}

/** A word of an address as the number that its bytes spell. */
function swap(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
