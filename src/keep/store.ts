/**
 * A store: four members, eight kinds. Everything that lasts goes in by `commit` and comes out by `scan`; `expire` lets go of what no archive
 * reaches. Drivers are siblings (memory, lmdb, ...) and all pass `store-contract.ts`. What else one wants (take, get, an answer
 * on one step) is a function over `scan`.
 *
 *   kind        key                              value                                   merged by
 *   measure     series, slot                     columns of fold/measure                 mergeMeasure; older slots roll up
 *   state       series, slot                     columns of fold/state                   mergeState; older slots roll up
 *   histogram   series, slot                     bytes (timers: fold/timer)              the codec of the kind, given when opening
 *   distinct    series, slot                     bytes of fold/distinct                  "
 *   tally       metric, 15-minute slot           bytes of fold/tally                     "
 *   record      table, partition, row            text (JSON), and when it was put        the last put or delete wins
 *   flow        arrival, sequence                bytes (a block of flow records)         kept side by side
 *   note        name                             bytes (cursors, templates, places)      the last put or delete wins
 *
 * Laws: 1. a batch is applied whole or not at all, and is durable when `commit` resolves; 2. a batch whose identity was committed within 30 days
 * changes nothing (`applied: false`); 3. a scan shows what is durable and nothing else; 4. a point is kept in exactly one archive, the finest that
 * reaches it at the time of the commit, and rolls up when that archive no longer does: no sum ever counts it twice; 5. states age by the newest
 * reading of their own series, not by a clock, and their steps need not divide: a cell stands in the coarser slot in which it begins.
 *
 *   const store = await openMemoryStore({ ladderOf: () => [{ stepSeconds: 10, keepSeconds: 21600 }] });
 *   const table = { nameOf: (index: number) => ['deploys'][index] as string };
 *   await store.commit({ nowSeconds: 1700000000, identity: 'host-a 17', cells: { table, measures } });
 *   for await (const row of store.scan('measure', { series: ['deploys'], stepSeconds: 60, start: 1699999980, end: 1700000040 }))
 *     console.log(row.series, row.cells.sums[0]);
 */

import type { Measures } from '../fold/measure.js';
import type { States } from '../fold/state.js';
import type { FlowRows } from './flow-block.js';
import type { StoredRecord } from './record-block.js';

/** One step and how long it is kept. */
export interface Archive {
  readonly stepSeconds: number;
  readonly keepSeconds: number;
}

/** A series' archives, finest first; each step is a multiple of the one before it and is kept longer. */
export type Ladder = readonly Archive[];

export type CellKind = 'measure' | 'state' | 'histogram' | 'distinct' | 'tally';
/** Kinds whose cells are bytes that a codec merges. */
export type PartKind = Exclude<CellKind, 'measure' | 'state'>;
export type Kind = CellKind | 'record' | 'flow' | 'note' | 'series';

/** Names of series by the writer's own numbers. A number means the same name as long as the table lives, so drivers remember what they looked up. */
export interface SeriesTable {
  readonly nameOf: (index: number) => string;
}

/** Cells of the finest step, a column a field; `count` of each are used. A slot may come in any number of pieces. */
export interface MeasureColumns {
  readonly count: number;
  /** Numbers of the table. */
  readonly series: Int32Array;
  /** Start of the slot on the finest step of the series, epoch seconds. */
  readonly slot: Float64Array;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly mins: Float64Array;
  readonly maxs: Float64Array;
  readonly lasts: Float64Array;
  readonly lastAts: Float64Array;
}

/** State cells; `count` of each column are used. A slot may come in any number of pieces, each of other time. */
export interface StateColumns {
  readonly count: number;
  /** Numbers of the table. */
  readonly series: Int32Array;
  /** Start of the slot, epoch seconds: of the finest step, or of the step of the archive that reaches it. */
  readonly slot: Float64Array;
  readonly cells: States;
}

/** The newest time that a state cell of a batch speaks of, epoch seconds. */
export function newestOf({ slot, cells }: Pick<StateColumns, 'slot' | 'cells'>, at: number): number {
  return cells.knownMs[at] === 0 ? slot[at]! : Math.max(slot[at]!, cells.lastAts[at]! / 1000);
}

/** A cell in the bytes of its kind. For tallies `series` is the metric and the slot a quarter of an hour. */
export interface CellPart {
  readonly kind: PartKind;
  readonly series: string;
  /** Start of the slot on the finest step, epoch seconds. */
  readonly slot: number;
  readonly bytes: Uint8Array;
}

export interface RecordPut {
  readonly table: string;
  readonly partition: string;
  readonly row: string;
  /** Text; undefined deletes. */
  readonly value: string | undefined;
  /** Microseconds of the Unix epoch (the batch's clock when not given); records expire by it. */
  readonly at?: number | undefined;
}

export interface FlowBlock extends FlowRows {
  /** Arrival, epoch seconds: flow records expire by it. */
  readonly arrived: number;
}

export interface NotePut {
  readonly name: string;
  /** Undefined deletes. */
  readonly value: Uint8Array | undefined;
}

/** What is committed together. */
export interface Batch {
  /** Content hash and position, or an Idempotency-Key: counts once in 30 days. */
  readonly identity?: string | undefined;
  /** The writer's clock, epoch seconds. */
  readonly nowSeconds: number;
  readonly cells?: {
    readonly table?: SeriesTable;
    readonly measures?: MeasureColumns;
    readonly states?: StateColumns;
    /** Series (by number) whose points carry times of their own: those that repeat a time are counted. */
    readonly isStamped?: (index: number) => boolean;
    readonly parts?: readonly CellPart[];
  };
  readonly tallies?: readonly CellPart[];
  readonly records?: readonly RecordPut[];
  readonly flows?: readonly FlowBlock[];
  readonly notes?: readonly NotePut[];
}

export interface Receipt {
  /** False: the identity was known, nothing changed. */
  readonly applied: boolean;
  /** Cells that were older than every archive of their series, and cells more than a day ahead: not kept. */
  readonly rejected: { readonly 'too-old': number; readonly future: number };
  /** Cells of stamped series whose slot held one with the same newest second before: as far as a driver remembers, so at least as many. */
  readonly repeated: number;
}

/** Slots `[start, end)` of some series on one step. */
export interface CellRange {
  readonly series: readonly string[];
  /** A multiple of the finest step. A cell stored on a coarser step stands in the slot in which it begins. */
  readonly stepSeconds: number;
  readonly start: number;
  readonly end: number;
  /** Of measures: `lastAts` need not be told, and columns of equal numbers may be one array. Much faster for series of one point a slot. */
  readonly isShown?: boolean;
  /** Of measures: whoever asks looks at values alone. Where every cell is one event in a slot of the step, a driver may tell `values` and leave `cells` empty. */
  readonly valuesOnly?: boolean | undefined;
}

/** Records of a table, in byte order of partition and row. */
export interface RecordRange {
  readonly table: string;
  /** Of this partition only; else of all. */
  readonly partition?: string | undefined;
  /** The first partition, where all are asked for. */
  readonly fromPartition?: string | undefined;
  /** The least row, in the first partition. */
  readonly fromRow?: string | undefined;
  /** The least row that is left out, in each partition. */
  readonly untilRow?: string | undefined;
  /** Only what was put in `[fromTime, untilTime)`, microseconds of the Unix epoch. */
  readonly fromTime?: number | undefined;
  readonly untilTime?: number | undefined;
  /** How many records at most. */
  readonly limit?: number | undefined;
  /** Whether the first thing given should say, before any record, where those of the limit end. */
  readonly withEnd?: boolean | undefined;
}

export interface FlowRange {
  readonly start: number;
  readonly end: number;
  readonly firstFrom?: number | undefined;
  readonly firstTo?: number | undefined;
  readonly lastTo?: number | undefined;
}

/** Whether no flow of a block can lie in the window of a range. */
export function isOutside(
  { first, last }: FlowBlock,
  { firstFrom = 0, firstTo = Number.POSITIVE_INFINITY, lastTo = Number.POSITIVE_INFINITY }: Omit<FlowRange, 'start' | 'end'>,
): boolean {
  return first[1] < Math.floor(firstFrom) || first[0] >= firstTo || last[0] > lastTo;
}

export interface Ranges {
  readonly measure: CellRange;
  readonly state: CellRange;
  readonly histogram: CellRange;
  readonly distinct: CellRange;
  readonly tally: CellRange;
  readonly record: RecordRange;
  /**
   * Arrival in `[start, end)`, in order of arrival. Blocks whose bounds say that every flow begins before `firstFrom`, begins at or after `firstTo`, or ends after
   * `lastTo` (epoch seconds) are given without bytes: how many rows they have is known all the same.
   */
  readonly flow: FlowRange;
  readonly note: { readonly prefix: string };
  /** Every series that has measures or parts. */
  readonly series: { readonly prefix?: string };
}

export interface MeasureRow {
  readonly series: string;
  readonly stepSeconds: number;
  /** Start of the first slot, epoch seconds. */
  readonly start: number;
  /** One a slot; empty ones have count 0. */
  readonly cells: Measures;
  /** One a slot, NaN where there is none: instead of `cells`, where values alone were asked for. */
  readonly values?: Float64Array;
  /** Says that nobody looks at `cells` and `values` any more: their columns may hold the next series. */
  readonly release?: () => void;
}

export interface StateRow {
  readonly series: string;
  readonly stepSeconds: number;
  /** Start of the first slot, epoch seconds. */
  readonly start: number;
  /** One a slot. */
  readonly cells: States;
}

/** A cell that is not empty, merged on the step asked for, in order of slot. */
export interface PartRow {
  readonly series: string;
  readonly slot: number;
  readonly bytes: Uint8Array;
}

export interface Rows {
  readonly measure: MeasureRow;
  readonly state: StateRow;
  readonly histogram: PartRow;
  readonly distinct: PartRow;
  readonly tally: PartRow;
  /** Some neighbouring records of a partition. */
  readonly record: {
    readonly partition: string;
    readonly rows: readonly StoredRecord[];
    /** How many records there are within the limit, the row of the last one when the limit is met, and whether more follow. */
    readonly end?: { readonly row: string; readonly count: number; readonly more: boolean };
  };
  readonly flow: FlowBlock;
  readonly note: { readonly name: string; readonly value: Uint8Array };
  readonly series: { readonly name: string };
}

export interface Store {
  /** Applies a batch; resolves when it is durable. Throws Refused when the disk is full or the store was opened for reading: nothing is changed then. */
  readonly commit: (batch: Batch) => Promise<Receipt>;
  /** What is durable, in order of key; a row a series for measures and states (a series that is not there gives none). */
  readonly scan: <K extends Kind>(kind: K, range: Ranges[K]) => AsyncIterable<Rows[K]>;
  /** Rolls up and lets go of what its archive no longer reaches at `nowSeconds`, a bounded piece at a time; resolves with how many keys went. */
  readonly expire: (nowSeconds: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** How two cells of one slot, or of neighbouring slots, become one: bytes to bytes, associative. */
export interface CellCodec {
  readonly merge: (one: Uint8Array, two: Uint8Array) => Uint8Array;
  /** Where rolling up differs from merging. */
  readonly rollUp?: (earlier: Uint8Array, later: Uint8Array) => Uint8Array;
}

export type Codecs = Readonly<Partial<Record<PartKind, CellCodec>>>;

export interface StoreOptions {
  /** The archives of a series, by its stored name. */
  readonly ladderOf: (name: string) => Ladder;
  /** Whether a point replaces another of the same second (carbon's habit) instead of merging. */
  readonly replaces?: (name: string) => boolean;
  readonly codecs?: Codecs;
  /** The newest reading of a state series that is stored, epoch seconds. */
  readonly newestOf?: (name: string) => number | undefined;
  /** How long flow records are kept after their arrival; undefined: for good. */
  readonly flowKeepSeconds?: () => number | undefined;
  /** How long records of a table are kept after they were put; undefined: for good. */
  readonly recordKeepSeconds?: (table: string) => number | undefined;
}

export const identityKeepSeconds = 30 * 86_400;
export const futureSeconds = 86_400;
export const defaultLadder: Ladder = [
  { stepSeconds: 10, keepSeconds: 21_600 },
  { stepSeconds: 60, keepSeconds: 518_400 },
  { stepSeconds: 600, keepSeconds: 155_520_000 },
];

/** Tallies keep their quarter-hour slots, so that every zone's days are exact. */
export const tallyLadder: Ladder = [{ stepSeconds: 900, keepSeconds: 20 * 366 * 86_400 }];

/** The archive that takes a slot at a time: the finest that reaches it; -1 when none does, -2 when it lies more than a day ahead. */
export function archiveFor(ladder: Ladder, slot: number, nowSeconds: number): number {
  if (slot > nowSeconds + futureSeconds) return -2;
  for (let index = 0; index < ladder.length; index++) {
    const { stepSeconds, keepSeconds } = ladder[index] as Archive;
    if (slot + stepSeconds > nowSeconds - keepSeconds) return index;
  }
  return -1;
}

/** The archive that an answer is on: the finest that reaches back to its start, else the coarsest. */
export function archiveReaching(ladder: Ladder, start: number, nowSeconds: number): Archive {
  return ladder.find((archive) => archive.keepSeconds >= nowSeconds - start) ?? (ladder[ladder.length - 1] as Archive);
}
