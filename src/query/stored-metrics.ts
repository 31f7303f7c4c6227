/**
 * Metrics of a store as answers need them: a flush becomes a batch, and a range becomes slots of one step. The step is that of the finest archive that reaches
 * back to the start; each slot is made of what every archive holds of it, so one answer may be stitched from several.
 *
 * A timer's values and a set's members are parts beside the measures. Law: a flush that the store does not take changes nothing and may be sent again.
 */

import { countDistinct, decodeDistinct, distinctCodec, distinctOf, encodeDistinct } from '../fold/distinct.js';
import { decodeTimer, encodeTimer, timerCodec, timerOf, timerValues } from '../fold/timer.js';
import {
  type Archive,
  archiveReaching,
  type CellPart,
  type Ladder,
  type MeasureColumns,
  type MeasureRow,
  type SeriesTable,
  type Store,
} from '../keep/store.js';

/** A flush. */
export interface MetricFlush {
  readonly nameOf: (series: number) => string;
  readonly cells: MeasureColumns;
  readonly timers: readonly {
    readonly series: number;
    readonly slot: number;
    readonly values: readonly number[];
    readonly weight: number;
  }[];
  readonly sets: readonly { readonly series: number; readonly slot: number; readonly members: ReadonlySet<string> }[];
}

export interface MetricSlots {
  readonly stepSeconds: number;
  readonly start: number;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  /** Share of a slot's finest slots that hold a point. */
  readonly filled: Float64Array;
  readonly values?: readonly (Float64Array | undefined)[];
  readonly distinct?: Float64Array;
}

export interface StoredMetricsOptions {
  readonly store: Store;
  /** Names that the store holds at the beginning. */
  readonly names: readonly string[];
  readonly ladderOf: (name: string) => Ladder;
  readonly methodOf: (name: string) => { readonly method: string; readonly xFilesFactor: number };
  readonly sizeBytes: () => number;
  /** Epoch seconds. */
  readonly now: () => number;
}

export class StoredMetrics {
  readonly #options: StoredMetricsOptions;
  readonly #names: Set<string>;
  #nameOf: (series: number) => string = () => '';
  readonly #table: SeriesTable = { nameOf: (index) => this.#nameOf(index) };
  #expiredAt = 0;

  constructor(options: StoredMetricsOptions) {
    this.#options = options;
    this.#names = new Set(options.names);
  }

  ladderOf = (name: string): readonly Archive[] => this.#options.ladderOf(name);
  methodOf = (name: string): { readonly method: string; readonly xFilesFactor: number } => this.#options.methodOf(name);
  names = (): Iterable<string> => this.#names;
  sizeBytes = (): number => this.#options.sizeBytes();
  close = async (): Promise<void> => await this.#options.store.close();

  /** Durable when it resolves. A series' number means the same name in every flush. */
  commit = async (flush: MetricFlush): Promise<void> => {
    this.#nameOf = flush.nameOf;
    const parts: CellPart[] = [];
    for (const { series, slot, values, weight } of flush.timers) {
      parts.push({ kind: 'histogram', series: flush.nameOf(series), slot, bytes: encodeTimer(timerOf(values, weight)) });
    }
    for (const { series, slot, members } of flush.sets) {
      parts.push({ kind: 'distinct', series: flush.nameOf(series), slot, bytes: encodeDistinct(distinctOf(members)) });
    }
    const nowSeconds = this.#options.now();
    await this.#options.store.commit({ nowSeconds, cells: { table: this.#table, measures: flush.cells, parts } });
    if (nowSeconds - this.#expiredAt >= 10) {
      this.#expiredAt = nowSeconds;
      await this.#options.store.expire(nowSeconds);
    }
  };

  /** Slots with labels in `(from, until]`. */
  read = async (name: string, from: number, until: number, now: number): Promise<MetricSlots> => {
    const { store } = this.#options;
    const ladder = this.#options.ladderOf(name);
    const { stepSeconds } = archiveReaching(ladder, from, now);
    const start = from - (from % stepSeconds) + stepSeconds;
    const end = Math.max(start, until - (until % stepSeconds) + stepSeconds);
    const range = { series: [name], stepSeconds, start, end };
    let row: MeasureRow | undefined;
    for await (const found of store.scan('measure', range)) row = found;
    const count = (end - start) / stepSeconds;
    const slotsFilled = stepSeconds / (ladder[0]?.stepSeconds ?? stepSeconds);
    const column = (): Float64Array => new Float64Array(count);
    const slots = {
      stepSeconds,
      start,
      counts: row?.cells.counts ?? column(),
      sums: row?.cells.sums ?? column(),
      mins: row?.cells.mins ?? column(),
      maxs: row?.cells.maxs ?? column(),
      lasts: row?.cells.lasts ?? column(),
      filled: (row?.cells.filled ?? column()).map((filled) => Math.min(1, filled / slotsFilled)),
    };
    if (name.startsWith('timer:')) return await this.#withTimers(slots, range);
    return name.startsWith('set:') ? await this.#withSets(slots, range) : slots;
  };

  async #withTimers(
    slots: MetricSlots,
    range: { series: string[]; stepSeconds: number; start: number; end: number },
  ): Promise<MetricSlots> {
    const values: (Float64Array | undefined)[] = new Array(slots.counts.length);
    for await (const { slot, bytes } of this.#options.store.scan('histogram', range)) {
      const at = (slot - slots.start) / slots.stepSeconds;
      const timer = decodeTimer(bytes);
      slots.counts[at] = timer.weight;
      slots.sums[at] = timer.sum;
      slots.mins[at] = timer.min;
      slots.maxs[at] = timer.max;
      slots.filled[at] = 1;
      values[at] = timerValues(timer);
    }
    return { ...slots, values };
  }

  async #withSets(slots: MetricSlots, range: { series: string[]; stepSeconds: number; start: number; end: number }): Promise<MetricSlots> {
    const distinct = new Float64Array(slots.counts.length);
    for await (const { slot, bytes } of this.#options.store.scan('distinct', range)) {
      const at = (slot - slots.start) / slots.stepSeconds;
      distinct[at] = countDistinct(decodeDistinct(bytes));
      slots.counts[at] = 1;
      slots.filled[at] = 1;
    }
    return { ...slots, distinct };
  }
}

/** How the kinds of a metric store join. */
export const metricCodecs = { histogram: timerCodec, distinct: distinctCodec };
