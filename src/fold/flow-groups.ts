/**
 * Flows folded by chosen keys, and the groups in an order: what `--top`, `--aggregate` and `--bidirectional` report.
 *
 * The law, as nfdump's: a two-sided key (ip, port, as, if) counts a flow once for each side, twice when both are the same. Rates are whole
 * numbers over the time from the group's first to its last flow, in milliseconds, and 0 when that is nothing. A list is in descending
 * order of its figure; groups that share a figure stand in the order of their keys, so that the same flows give the same list.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import { type FlowKey, fillKeys, keyWords } from './flow-keys.js';
import { FlowTable } from './flow-table.js';

export const groupFigures = ['flows', 'packets', 'bytes', 'bps', 'pps', 'bpp'] as const;
export type GroupFigure = (typeof groupFigures)[number];
export type GroupOrder = GroupFigure | 'tstart' | 'tend' | 'duration';

/** Folds batches; `isBidirectional` joins a TCP or UDP flow to the group of the opposite direction when that one stands. */
export class FlowGroups {
  readonly keys: readonly FlowKey[];
  readonly table: FlowTable;
  readonly isBidirectional: boolean;
  /** All flows folded, each once. */
  readonly total = { flows: 0, packets: 0, bytes: 0 };
  #words = new Uint32Array(0);
  #swapped = new Uint32Array(0);

  constructor(keys: readonly FlowKey[], isBidirectional = false) {
    this.keys = keys;
    this.table = new FlowTable(keyWords(keys));
    this.isBidirectional = isBidirectional;
  }

  fold(batch: FlowBatch): void {
    const { total } = this;
    const need = batch.count * this.table.words;
    if (this.#words.length < need) this.#words = new Uint32Array(need);
    total.flows += batch.count;
    for (let row = 0; row < batch.count; row++) {
      total.packets += batch.packets[row]!;
      total.bytes += batch.bytes[row]!;
    }
    fillKeys(batch, this.keys, 0, this.#words);
    if (this.isBidirectional) {
      this.#foldBothWays(batch);
      return;
    }
    this.table.fold(this.#words, batch, batch.count);
    if (!this.keys.some((key) => key.sides.length > 1)) return;
    fillKeys(batch, this.keys, 1, this.#words);
    this.table.fold(this.#words, batch, batch.count);
  }

  /** Keys of a biflow: src 4 words, dst 4 words, sport, dport, proto. */
  #foldBothWays(batch: FlowBatch): void {
    const { table } = this;
    const words = this.#words;
    if (this.#swapped.length < 11) this.#swapped = new Uint32Array(11);
    const swapped = this.#swapped;
    for (let row = 0, at = 0; row < batch.count; row++, at += 11) {
      let group = table.find(words, at);
      let isReverse = false;
      const proto = words[at + 10]!;
      if (group < 0 && (proto === 6 || proto === 17)) {
        for (let word = 0; word < 4; word++) {
          swapped[word] = words[at + 4 + word]!;
          swapped[4 + word] = words[at + word]!;
        }
        swapped[8] = words[at + 9]!;
        swapped[9] = words[at + 8]!;
        swapped[10] = proto;
        group = table.find(swapped);
        isReverse = group >= 0;
      }
      table.add(group < 0 ? table.place(words, at) : group, batch, row, isReverse);
    }
  }

  /** Time from the first to the last flow, in milliseconds; 0 when the last ends before the first begins. */
  durationMs(group: number): number {
    const { firstSeconds, firstNanos, lastSeconds, lastNanos } = this.table;
    const seconds = lastSeconds[group]! - firstSeconds[group]!;
    return Math.max(0, seconds * 1000 + Math.floor(lastNanos[group]! / 1e6) - Math.floor(firstNanos[group]! / 1e6));
  }

  figure(name: GroupOrder, group: number): number {
    const { flows, packets, bytes, firstSeconds, firstNanos, lastSeconds, lastNanos } = this.table;
    if (name === 'flows') return flows[group]!;
    if (name === 'packets') return packets[group]!;
    if (name === 'bytes') return bytes[group]!;
    if (name === 'bpp') return packets[group]! > 0 ? Math.floor(bytes[group]! / packets[group]!) : 0;
    if (name === 'tstart') return firstSeconds[group]! * 1000 + firstNanos[group]! / 1e6;
    if (name === 'tend') return lastSeconds[group]! * 1000 + lastNanos[group]! / 1e6;
    const durationMs = this.durationMs(group);
    if (name === 'duration') return durationMs;
    if (durationMs === 0) return 0;
    // Over seconds in a float, as nfdump divides: its whole numbers are the same.
    return Math.floor((name === 'bps' ? 8 * bytes[group]! : packets[group]!) / (durationMs / 1000));
  }

  /** The first `most` groups (all when 0) by a figure, and how many that are left out have the last one's figure. */
  ordered(by: GroupOrder, most: number): { groups: Uint32Array; ties: number } {
    const { count } = this.table;
    const values = new Float64Array(count);
    const sign = by === 'tstart' || by === 'tend' ? -1 : 1;
    for (let group = 0; group < count; group++) values[group] = sign * this.figure(by, group);
    if (most === 0 || most >= count) return { groups: this.#sorted(Uint32Array.from(values.keys()), values), ties: 0 };
    // Only what reaches the last place is sorted: the bound is the `most`-th largest figure.
    const bound = Float64Array.from(values).sort()[count - most]!;
    const found = Uint32Array.from(values.keys()).filter((group) => values[group]! >= bound);
    const sorted = this.#sorted(found, values);
    return { groups: sorted.subarray(0, most), ties: sorted.length - most };
  }

  #sorted(groups: Uint32Array, values: Float64Array): Uint32Array {
    return groups.sort((left, right) => values[right]! - values[left]! || this.#compareKeys(left, right));
  }

  #compareKeys(left: number, right: number): number {
    const { keys, words } = this.table;
    for (let word = 0; word < words; word++) {
      const [one, other] = [keys[left * words + word]!, keys[right * words + word]!];
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

/** A word of an address as the number that its bytes spell. */
function swap(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
