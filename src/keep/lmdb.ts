/**
 * The embedded store, on LMDB. One commit is one synchronous transaction: the journal's value, a slice of what is being folded, batch identity, records,
 * flows and notes; it resolves after the transaction's one fdatasync. Open cells are kept in memory beside the journal (open-cells.ts) in two
 * generations: one takes what arrives, the one before it is folded in slices of series over the next minutes, so that no flush
 * waits for a whole fold; then its journal entries are deleted. After a stop or a kill both are made again from the journal.
 *
 * Law: memory changes only after the transaction is durable; a commit that fails (a full disk) leaves both as they were.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../base/faults.js';
import { lockFolder } from './folder-lock.js';
import { decodeJournal, encodeJournal, type JournalPart } from './journal.js';
import { Ageing } from './lmdb-ageing.js';
import { type DumpKind, type DumpRows, dumpRows } from './lmdb-dump.js';
import { faultOf } from './lmdb-file.js';
import { expireFlows, type FlowTotals, flowTotals, putFlows } from './lmdb-flows.js';
import { foldPart, foldSeries, type SeriesFacts } from './lmdb-fold.js';
import { putRecords, type SweepPlace, sweepRecords } from './lmdb-records.js';
import { type RowSource, rowsOf } from './lmdb-rows.js';
import { ageStates, foldStates, readStates } from './lmdb-states.js';
import { forgetIdentities, identityKey, journalKey, putIdentity, Tables, text } from './lmdb-tables.js';
import { OpenCells, repeatsAmong } from './open-cells.js';
import { encodeStates, takeStates } from './open-states.js';
import { SeriesNames } from './series-names.js';
import {
  archiveFor,
  type Batch,
  type CellPart,
  identityKeepSeconds,
  type Kind,
  type MeasureColumns,
  newestOf,
  type Ranges,
  type Receipt,
  type Rows,
  type SeriesTable,
  type StateColumns,
  type StateRow,
  type Store,
  type StoreOptions,
} from './store.js';

export interface LmdbOptions extends StoreOptions {
  readonly folder: string;
  readonly readOnly?: boolean;
  /** Seconds of a generation of open cells (600). */
  readonly generationSeconds?: number;
  /** Is handed every note before anything else is asked, so that notes may say which archives a series has. */
  readonly withNotes?: (notes: Iterable<{ readonly name: string; readonly value: Uint8Array }>) => void;
  /** Open cells at which a generation ends early (4 million). */
  readonly openCellsMax?: number;
}

/** Opens, or makes, the store of a folder. Throws Refused when another process writes to it, or when it is not there and opened for reading. */
export async function openLmdbStore(options: LmdbOptions): Promise<LmdbStore> {
  return new LmdbStore(options);
}

/** What of the journal is folded: entries up to `sequence` for series below `series`. */
interface FoldState {
  sequence: number;
  series: number;
}

export class LmdbStore implements Store {
  readonly #options: LmdbOptions;
  readonly #tables: Tables;
  readonly #names: SeriesNames;
  readonly #unlock: () => void;
  readonly #facts: SeriesFacts;
  readonly #ageing: Ageing;
  #young = new OpenCells();
  #old: OpenCells | undefined;
  #fold: FoldState = { sequence: 0, series: 0 };
  #sequence = 0;
  #firstSequence = 1;
  #youngSince = 0;
  #oldSince = 0;
  #sweep: SweepPlace;
  #closed = false;

  constructor(options: LmdbOptions) {
    this.#options = options;
    const readOnly = options.readOnly === true;
    this.#facts = {
      ladderOf: (series) => this.#names.ladderOf(series),
      replaces: (series) => this.#names.replaces(series),
      codecs: options.codecs ?? {},
      newestOf: (series) => this.#names.newestOf(series),
      touched: (step, slot) => this.#ageing.touched(step, slot),
    };
    this.#unlock = readOnly ? () => {} : lockFolder(options.folder);
    try {
      this.#tables = new Tables(options.folder, readOnly);
      options.withNotes?.(this.#tables.by.notes.getRange({}).map(({ key, value }) => ({ name: key.toString(), value })));
      this.#names = new SeriesNames(this.#tables, options);
      this.#ageing = new Ageing(this.#tables, this.#facts);
      this.#replay();
    } catch (error) {
      this.#unlock();
      throw faultOf(error, options.folder);
    }
  }

  commit = async (batch: Batch): Promise<Receipt> => {
    if (this.#closed || this.#tables.readOnly)
      throw new Refused(this.#closed ? 'the store is closed' : 'the store is open for reading only');
    const rejected = { 'too-old': 0, future: 0 };
    const identity = batch.identity === undefined ? undefined : identityKey(batch.identity);
    if (identity !== undefined) {
      const before = this.#tables.by.identities.getBinary(identity)?.readDoubleLE(0);
      if (before !== undefined && before > batch.nowSeconds - identityKeepSeconds) return { applied: false, rejected, repeated: 0 };
    }
    const mark = this.#names.count;
    const measures = batch.cells?.measures;
    const ids = measures === undefined ? new Int32Array(0) : this.#series(batch.cells?.table, measures, batch.nowSeconds, rejected);
    const parts = [...(batch.cells?.parts ?? []), ...(batch.tallies ?? [])].filter((part) => this.#takes(part, batch.nowSeconds, rejected));
    const partIds = parts.map((part) => this.#names.idOf(part.series, part.kind === 'tally'));
    const states = this.#statesOf(batch.cells?.table, batch.cells?.states, rejected);
    const kept = ids.some((id) => id !== -1) || parts.length + states.length > 0;
    const journal = kept
      ? encodeJournal(measures, ids, [...parts, ...states], [...partIds, ...states.map(() => 0)], batch.nowSeconds)
      : undefined;
    let foldBefore = this.#fold;
    try {
      this.#turn(batch.nowSeconds);
      foldBefore = this.#fold;
      this.#tables.root.transactionSync(() => {
        if (identity !== undefined) putIdentity(this.#tables, identity, batch.nowSeconds);
        this.#names.putNew(mark);
        if (journal !== undefined) this.#tables.by.journal.putSync(journalKey(this.#sequence + 1), journal as Buffer);
        this.#putRest(batch);
        this.#foldSlice(batch.nowSeconds, this.#share(batch.nowSeconds));
      });
    } catch (error) {
      this.#fold = foldBefore;
      this.#names.forget(mark);
      throw faultOf(error, this.#options.folder);
    }
    this.#letGo();
    const repeated = repeatsAmong(batch.cells, ids, this.#young, this.#old);
    if (journal !== undefined) {
      this.#sequence++;
      if (this.#youngSince === 0) this.#youngSince = batch.nowSeconds;
      this.#take(journal, this.#young, undefined);
    }
    return { applied: true, rejected, repeated };
  };

  scan = <K extends Kind>(kind: K, range: Ranges[K]): AsyncIterable<Rows[K]> =>
    rowsOf(kind, range, this.#source()) as AsyncIterable<Rows[K]>;

  expire = async (nowSeconds: number): Promise<number> => {
    const limit = 20_000;
    try {
      return this.#tables.root.transactionSync(() => {
        let gone = this.#ageing.age(this.#names.ladders(), nowSeconds, limit);
        gone += ageStates(this.#tables, this.#facts, this.#names.stateSeries(), limit);
        gone += forgetIdentities(this.#tables, nowSeconds - identityKeepSeconds, limit);
        gone += expireFlows(this.#tables, nowSeconds - (this.#options.flowKeepSeconds?.() ?? Number.POSITIVE_INFINITY));
        const swept = sweepRecords(this.#tables, this.#sweep, 2000, (table) => {
          const keep = this.#options.recordKeepSeconds?.(table);
          return keep === undefined ? undefined : (nowSeconds - keep) * 1e6;
        });
        this.#sweep = swept.place;
        return gone + swept.gone;
      });
    } catch (error) {
      this.#ageing.reset();
      throw faultOf(error, this.#options.folder);
    }
  };

  close = async (): Promise<void> => {
    if (this.#closed) return;
    this.#closed = true;
    await this.#tables.close();
    this.#unlock();
  };

  /** Asks for the archives of every series again; what is stored stays where it is until it ages. */
  reload(): void {
    this.#ageing.reset();
    this.#names.reload();
  }

  /** Folds everything now: before a compacting copy, after a load. */
  settle(nowSeconds: number): void {
    const whole = (): void => {
      this.#tables.root.transactionSync(() => this.#foldSlice(nowSeconds, 1));
      this.#letGo();
    };
    try {
      if (this.#old !== undefined) whole();
      this.#close(nowSeconds);
      if (this.#old !== undefined) whole();
    } catch (error) {
      throw faultOf(error, this.#options.folder);
    }
  }

  /** Writes a copy to a file that is not there yet, each table in the order of its keys, so that its pages are full. */
  async copyTo(path: string): Promise<void> {
    await this.#tables.copyTo(path);
  }

  /** Writes a copy of one moment to a file that is not there yet; another process may go on writing to the store. */
  async backUpTo(path: string): Promise<void> {
    await this.#tables.root.backup(path, true);
  }

  /** Rows of a kind as they are stored: what `weir store dump` prints. */
  dump<K extends DumpKind>(kind: K, prefix: string): Iterable<DumpRows[K]> {
    return dumpRows(kind, prefix, this.#source());
  }

  /** Slots `[start, end)` of a state series on a step, at once; undefined when it has none. */
  statesOf(name: string, stepSeconds: number, start: number, end: number): StateRow | undefined {
    const series = this.#names.find(name);
    const open = this.#open(series).map(({ states }) => states);
    return series < 0 ? undefined : readStates(this.#tables, this.#facts, open, name, series, stepSeconds, start, end);
  }

  /** Events in memory that are not in chunks yet. */
  get openCells(): number {
    return [this.#young, this.#old].reduce((sum, open) => sum + (open === undefined ? 0 : open.count + open.states.count), 0);
  }

  /** How many flow records are kept. */
  flowTotals(): FlowTotals {
    return flowTotals(this.#tables);
  }

  sizeBytes(): number {
    return statSync(join(this.#options.folder, 'store.mdb')).size;
  }

  #source(): RowSource {
    return { tables: this.#tables, names: this.#names, facts: this.#facts, open: (series) => this.#open(series) };
  }

  // The generations that hold the open cells of a series, oldest first.
  #open(series: number): OpenCells[] {
    return this.#old === undefined || series < this.#fold.series ? [this.#young] : [this.#old, this.#young];
  }

  // The numbers of the cells' series; -1 where a cell is left out, since its slot is too old or too far ahead.
  #series(
    table: SeriesTable | undefined,
    measures: MeasureColumns,
    now: number,
    rejected: Record<'too-old' | 'future', number>,
  ): Int32Array {
    const ids = new Int32Array(measures.count);
    const known = this.#names.translation(table);
    for (let at = 0; at < measures.count; at++) {
      const id = known(measures.series[at]!);
      const slot = measures.slot[at]!;
      if (slot > now + 86_400) rejected.future++;
      else if (slot <= now - this.#names.keepSeconds(id)) rejected['too-old']++;
      else {
        ids[at] = id;
        continue;
      }
      ids[at] = -1;
    }
    return ids;
  }

  // The states of a commit as one part of the journal; none when every cell is left out.
  #statesOf(
    table: SeriesTable | undefined,
    states: StateColumns | undefined,
    rejected: Record<'too-old' | 'future', number>,
  ): JournalPart[] {
    if (states === undefined || states.count === 0) return [];
    const known = this.#names.translation(table);
    const ids = states.series.slice(0, states.count).map(known);
    for (let at = 0; at < ids.length; at++) this.#names.reaches(ids[at]!, newestOf(states, at));
    for (let at = 0; at < ids.length; at++) {
      if (archiveFor(this.#names.ladderOf(ids[at]!), states.slot[at]!, this.#names.newestOf(ids[at]!)!) >= 0) continue;
      ids[at] = -1;
      rejected['too-old']++;
    }
    return ids.every((id) => id === -1) ? [] : [{ kind: 'state', slot: 0, bytes: encodeStates(states, ids) }];
  }

  #takes(part: CellPart, now: number, rejected: Record<'too-old' | 'future', number>): boolean {
    const ladder = this.#names.ladderOf(this.#names.idOf(part.series, part.kind === 'tally'));
    const to = archiveFor(ladder, part.slot, now);
    if (to === -1) rejected['too-old']++;
    if (to === -2) rejected.future++;
    return to >= 0;
  }

  #putRest(batch: Batch): void {
    const { notes } = this.#tables.by;
    putRecords(this.#tables, batch.records ?? [], batch.nowSeconds);
    putFlows(this.#tables, batch.flows ?? []);
    for (const { name, value } of batch.notes ?? []) {
      if (value === undefined) notes.removeSync(text(name));
      else notes.putSync(text(name), Buffer.from(value));
    }
  }

  // Ends a generation whose time is over or that is full; the one before it is folded to its end first.
  #turn(now: number): void {
    const seconds = this.#options.generationSeconds ?? 600;
    const full = this.#young.count + this.#young.states.count >= (this.#options.openCellsMax ?? 4_000_000);
    if (this.#youngSince === 0 || !(full || Math.floor(now / seconds) !== Math.floor(this.#youngSince / seconds))) return;
    if (this.#old !== undefined) {
      this.#tables.root.transactionSync(() => this.#foldSlice(now, 1));
      this.#letGo();
    }
    this.#close(now);
  }

  #close(now: number): void {
    if (this.#young.count + this.#young.states.count === 0 && this.#young.parts.size === 0) return;
    this.#old = this.#young;
    this.#oldSince = now;
    this.#young = new OpenCells();
    this.#youngSince = 0;
    this.#fold = { sequence: this.#sequence, series: 0 };
  }

  // The old generation is folded whole and durable: it may go from memory.
  #letGo(): void {
    if (this.#fold.series !== Number.POSITIVE_INFINITY) return;
    this.#old = undefined;
    this.#firstSequence = this.#fold.sequence + 1;
  }

  // The share of the old generation's series that should be folded by now.
  #share(now: number): number {
    const byTime = (now - this.#oldSince + 1) / (0.8 * (this.#options.generationSeconds ?? 600));
    return Math.max(0.01, byTime, (1.25 * (this.#young.count + this.#young.states.count)) / (this.#options.openCellsMax ?? 4_000_000));
  }

  // Folds series of the old generation up to a share of them; with the last, its parts, and its journal entries go. Within a transaction.
  #foldSlice(now: number, share: number): void {
    const old = this.#old;
    if (old === undefined || this.#fold.series === Number.POSITIVE_INFINITY) return;
    const end = Math.min(old.seriesMax, Math.ceil(old.seriesMax * share));
    for (let series = this.#fold.series; series < end; series++) {
      if (old.has(series)) foldSeries(this.#tables, this.#facts, old, series, now);
      if (old.states.has(series)) foldStates(this.#tables, this.#facts, old.states, series, now);
    }
    this.#fold = { sequence: this.#fold.sequence, series: Math.max(this.#fold.series, end) };
    if (end === old.seriesMax) {
      for (const part of old.parts.values()) foldPart(this.#tables, this.#facts, part, now);
      const { journal } = this.#tables.by;
      for (let sequence = this.#firstSequence; sequence <= this.#fold.sequence; sequence++) journal.removeSync(journalKey(sequence));
      this.#fold = { sequence: this.#fold.sequence, series: Number.POSITIVE_INFINITY };
    }
    const bytes = Buffer.allocUnsafe(16);
    bytes.writeDoubleLE(this.#fold.sequence, 0);
    bytes.writeDoubleLE(this.#fold.series, 8);
    this.#tables.by.meta.putSync(text('fold'), bytes);
  }

  #replay(): void {
    const held = this.#tables.by.meta.getBinary(text('fold'));
    if (held !== undefined) this.#fold = { sequence: held.readDoubleLE(0), series: held.readDoubleLE(8) };
    this.#sequence = this.#fold.sequence;
    let first = 0;
    for (const { key, value } of this.#tables.by.journal.getRange({ start: journalKey(0) })) {
      const sequence = key.readUIntBE(0, 6);
      first ||= sequence;
      this.#sequence = sequence;
      if (sequence <= this.#fold.sequence) {
        this.#old ??= new OpenCells();
        this.#oldSince = this.#take(value, this.#old, this.#fold.series);
      } else {
        const now = this.#take(value, this.#young, undefined);
        this.#youngSince ||= now;
      }
    }
    this.#firstSequence = first === 0 ? this.#sequence + 1 : first;
  }

  #take(journal: Uint8Array, open: OpenCells, from: number | undefined): number {
    const codecs = this.#options.codecs ?? {};
    return decodeJournal(journal, {
      cell: (series, slot, lastAt, count, sum, min, max, last) => {
        if (from === undefined || series >= from) open.add(series, slot, lastAt, count, sum, min, max, last);
      },
      part: (kind, series, slot, bytes) => {
        if (kind === 'state') {
          open.seriesMax = Math.max(open.seriesMax, takeStates(bytes, open.states, from ?? 0));
          return;
        }
        open.addPart(kind, series, slot, bytes, codecs[kind]);
      },
    });
  }
}
