/**
 * What the daemon asks of stored metrics: a flush of cells that is durable when it returns, and slots of one step for a range, stitched from the archives.
 * The daemon speaks to this face alone; what lies behind it is `keep`'s.
 */

import type { TimerValues } from '../fold/timer-values.js';
import type { Showing } from '../keep/ladder.js';
import type { SeriesTable } from '../keep/store.js';
import type { StateTimes } from '../query/series.js';
import type { CellColumns } from './open-slots.js';

/** Values of a timer that arrived in one slot, or members of a set. */
export interface TimerCell {
  readonly series: number;
  readonly slot: number;
  readonly values: number[];
  /** Weighted count: a value sampled at 0.1 counts ten. */
  weight: number;
}

export interface SetCell {
  readonly series: number;
  readonly slot: number;
  readonly members: Set<string>;
}

/** A flush: whole or not at all. */
export interface MetricBatch {
  /** Names by the numbers of the cells; one table as long as a number means the same name. */
  readonly table: SeriesTable;
  readonly cells: CellColumns;
  readonly timers: readonly TimerCell[];
  readonly sets: readonly SetCell[];
  /** Counts once in 30 days. */
  readonly identity?: string | undefined;
  /** Points of the batch that repeated series and time of one before them, and the last such series. */
  readonly repeats?: Repeats;
}

export interface Repeats {
  readonly count: number;
  readonly name: string;
}

export interface Committed {
  /** False: the identity was known, nothing changed. */
  readonly applied: boolean;
  /** Points that repeated series and time of one that was flushed before. */
  readonly repeated: number;
}

/** Slots of one series on one step. Unknown slots have count 0. */
export interface StoredSlots {
  readonly stepSeconds: number;
  /** Start of the first slot, epoch seconds. */
  readonly start: number;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  /** Share of a slot's finest slots that hold a point, 0 to 1. */
  readonly filled: Float64Array;
  /** Timers: the values of each slot. */
  readonly values?: readonly (TimerValues | undefined)[];
  /** Where values alone were asked for: one a slot, NaN where there is none, each of one point in one finest slot. The columns are empty then. */
  readonly single?: Float64Array;
  /** Sets: the number of distinct members of each slot. */
  readonly distinct?: Float64Array;
  /** Series of states. */
  readonly states?: StateTimes;
  /** Says that nobody looks at the columns any more. */
  readonly release?: () => void;
}

export interface Archive {
  readonly stepSeconds: number;
  readonly keepSeconds: number;
}

export interface MetricStore {
  /** Archives of a series, finest first. */
  readonly ladderOf: (name: string) => readonly Archive[];
  /** The newest reading of a series of states, by which it ages, epoch seconds; undefined for others, which age by the clock. */
  readonly newestOf?: (name: string) => number | undefined;
  /** How slots of a series are shown. */
  readonly methodOf: (name: string) => Showing;
  /** Whether a point takes the place of another of the same second (a rule with `sameTimestamp = "replace"`). */
  readonly replaces: (name: string) => boolean;
  /** Whether every value of a series is kept beside its cells, for medians and percentiles. */
  readonly keepsValues: (name: string) => boolean;
  /** Stored names; a series that a flush makes is told by the flush. */
  readonly names: () => Iterable<string>;
  /** Durable when it returns. */
  readonly commit: (batch: MetricBatch) => Promise<Committed>;
  /** The slots that `read` gives, `[start, end)` on a step. */
  readonly slotsOf: (
    name: string,
    from: number,
    until: number,
    now: number,
    alignSeconds?: number,
  ) => { readonly stepSeconds: number; readonly start: number; readonly end: number };
  /**
   * Slots with labels in `(from, until]`, of the finest archive that reaches back to `from`; with `alignSeconds`, on the coarsest step up to that one
   * that divides it (0: the finest, and cells stand in their first slot). With `valuesOnly` the store may answer by `single`.
   */
  readonly read: (
    name: string,
    from: number,
    until: number,
    now: number,
    alignSeconds?: number,
    valuesOnly?: boolean,
  ) => Promise<StoredSlots>;
  /** Since when rejects are kept beside the metrics, epoch seconds; undefined: never. */
  readonly rejectsSince?: () => Promise<number | undefined>;
  readonly sizeBytes: () => number;
  readonly close: () => Promise<void>;
}
