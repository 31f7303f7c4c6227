/**
 * The store that ends with the process: for tests, demonstrations, and as the plainest statement of what a store does. Cells lie in maps by
 * series, step and slot; a cell moves to the next coarser archive when its own no longer reaches it.
 */

import { Refused } from '../base/faults.js';
import { copyMeasure, type Measures, mergeMeasure, replaceMeasure, rollUpMeasure, setMeasure, zeroMeasures } from '../fold/measure.js';
import { copyState, rollUpState, type States, zeroStates } from '../fold/state.js';
import { compareRows } from './record-block.js';
import {
  type Archive,
  archiveFor,
  type Batch,
  type CellKind,
  type CellPart,
  type CellRange,
  type FlowBlock,
  identityKeepSeconds,
  isOutside,
  type Kind,
  type MeasureColumns,
  newestOf,
  type PartKind,
  type Ranges,
  type Receipt,
  type RecordPut,
  type Rows,
  type StateColumns,
  type Store,
  type StoreOptions,
  tallyLadder,
} from './store.js';

type Cell = { readonly step: number; readonly slot: number; readonly measure?: Measures; readonly state?: States; bytes?: Uint8Array };

/** Opens an empty store in memory. */
export async function openMemoryStore(options: StoreOptions): Promise<Store> {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #options: StoreOptions;
  readonly #cells = new Map<CellKind, Map<string, Map<string, Cell>>>();
  readonly #identities = new Map<string, number>();
  readonly #notes = new Map<string, Uint8Array>();
  readonly #records = new Map<string, RecordPut & { readonly at: number; readonly value: string }>();
  readonly #newest = new Map<string, number>();
  #flows: FlowBlock[] = [];
  #closed = false;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  commit = async (batch: Batch): Promise<Receipt> => {
    if (this.#closed) throw new Refused('the store is closed');
    const rejected = { 'too-old': 0, future: 0 };
    if (batch.identity !== undefined) {
      const before = this.#identities.get(batch.identity);
      if (before !== undefined && before > batch.nowSeconds - identityKeepSeconds) return { applied: false, rejected, repeated: 0 };
      this.#identities.set(batch.identity, batch.nowSeconds);
    }
    const { cells } = batch;
    let repeated = 0;
    if (cells?.measures !== undefined) {
      const { table, measures } = cells;
      for (let at = 0; at < measures.count; at++) {
        const name = table?.nameOf(measures.series[at] as number) ?? '';
        if (cells.isStamped?.(measures.series[at] as number) === true && this.#holds(name, measures, at, batch.nowSeconds)) repeated++;
        this.#measure(name, measures, at, batch.nowSeconds, rejected);
      }
    }
    if (cells?.states !== undefined) this.#states(cells.states, (index) => cells.table?.nameOf(index) ?? '', rejected);
    for (const part of [...(cells?.parts ?? []), ...(batch.tallies ?? [])]) this.#part(part, batch.nowSeconds, rejected);
    for (const put of batch.records ?? []) {
      const key = JSON.stringify([put.table, put.partition, put.row]);
      if (put.value === undefined) this.#records.delete(key);
      else this.#records.set(key, { ...put, at: put.at ?? Math.round(batch.nowSeconds * 1e6), value: put.value });
    }
    this.#flows.push(...(batch.flows ?? []));
    this.#flows.sort((one, two) => one.arrived - two.arrived);
    for (const { name, value } of batch.notes ?? []) {
      if (value === undefined) this.#notes.delete(name);
      else this.#notes.set(name, value);
    }
    return { applied: true, rejected, repeated };
  };

  scan = <K extends Kind>(kind: K, range: Ranges[K]): AsyncIterable<Rows[K]> => this.#rows(kind, range) as AsyncIterable<Rows[K]>;

  expire = async (nowSeconds: number): Promise<number> => {
    let gone = 0;
    for (const [kind, bySeries] of this.#cells) {
      for (const [series, cells] of bySeries) {
        for (const [key, cell] of cells) {
          const ladder = kind === 'tally' ? tallyLadder : this.#options.ladderOf(series);
          const to = archiveFor(ladder, cell.slot, kind === 'state' ? (this.#newest.get(series) ?? nowSeconds) : nowSeconds);
          const step = ladder[to]?.stepSeconds ?? 0;
          if (to === -2 || step <= cell.step === to >= 0) continue;
          cells.delete(key);
          gone++;
          if (to >= 0) this.#join(kind, series, step, cell);
        }
      }
    }
    const before = this.#flows.length;
    const flowsFrom = nowSeconds - (this.#options.flowKeepSeconds?.() ?? Number.POSITIVE_INFINITY);
    this.#flows = this.#flows.filter((block) => block.arrived >= flowsFrom);
    for (const [key, { table, at }] of this.#records) {
      const keep = this.#options.recordKeepSeconds?.(table);
      if (keep === undefined || at >= (nowSeconds - keep) * 1e6) continue;
      this.#records.delete(key);
      gone++;
    }
    return gone + before - this.#flows.length;
  };

  close = async (): Promise<void> => {
    this.#closed = true;
  };

  #holds(name: string, { slot, lastAts }: MeasureColumns, at: number, now: number): boolean {
    const step = this.#options.ladderOf(name)[archiveFor(this.#options.ladderOf(name), slot[at] as number, now)]?.stepSeconds ?? 1;
    const start = (slot[at] as number) - ((slot[at] as number) % step);
    return this.#cells.get('measure')?.get(name)?.get(`${step}@${start}`)?.measure?.lastAts[0] === lastAts[at];
  }

  #measure(name: string, from: MeasureColumns, at: number, now: number, rejected: { 'too-old': number; future: number }): void {
    const slot = from.slot[at] as number;
    const measure = zeroMeasures(1);
    const number = (column: Float64Array): number => column[at] as number;
    setMeasure(
      measure,
      0,
      number(from.counts),
      number(from.sums),
      number(from.mins),
      number(from.maxs),
      number(from.lasts),
      number(from.lastAts),
      1,
    );
    this.#put('measure', name, { step: 0, slot, measure }, now, rejected);
  }

  #part(part: CellPart, now: number, rejected: { 'too-old': number; future: number }): void {
    this.#put(part.kind, part.series, { step: 0, slot: part.slot, bytes: part.bytes }, now, rejected);
  }

  #put(kind: CellKind, series: string, cell: Cell, now: number, rejected: { 'too-old': number; future: number }): void {
    const ladder = kind === 'tally' ? tallyLadder : this.#options.ladderOf(series);
    const to = archiveFor(ladder, cell.slot, now);
    if (to === -1) rejected['too-old']++;
    else if (to === -2) rejected.future++;
    else this.#join(kind, series, ladder[to]?.stepSeconds as number, cell);
  }

  #states({ count, series, slot, cells }: StateColumns, nameOf: (index: number) => string, rejected: { 'too-old': number }): void {
    for (let at = 0; at < count; at++) {
      const name = nameOf(series[at] as number);
      this.#newest.set(name, Math.max(newestOf({ slot, cells }, at), this.#newest.get(name) ?? this.#options.newestOf?.(name) ?? 0));
    }
    for (let at = 0; at < count; at++) {
      const name = nameOf(series[at] as number);
      const ladder = this.#options.ladderOf(name);
      const to = archiveFor(ladder, slot[at] as number, this.#newest.get(name) as number);
      const state = zeroStates(1);
      copyState(state, 0, cells, at);
      if (to < 0) rejected['too-old']++;
      else this.#join('state', name, (ladder[to] as Archive).stepSeconds, { step: 0, slot: slot[at] as number, state });
    }
  }

  #join(kind: CellKind, series: string, step: number, cell: Cell): void {
    const bySeries = this.#cells.get(kind) ?? new Map<string, Map<string, Cell>>();
    this.#cells.set(kind, bySeries);
    const cells = bySeries.get(series) ?? new Map<string, Cell>();
    bySeries.set(series, cells);
    const slot = cell.slot - (cell.slot % step);
    const held = cells.get(`${step}@${slot}`);
    if (held === undefined) {
      const { bytes } = cell;
      let measure: Measures | undefined;
      if (cell.measure !== undefined) {
        measure = zeroMeasures(1);
        copyMeasure(measure, 0, cell.measure, 0);
      }
      cells.set(`${step}@${slot}`, {
        step,
        slot,
        ...(measure === undefined ? {} : { measure }),
        ...(cell.state === undefined ? {} : { state: cell.state }),
        ...(bytes === undefined ? {} : { bytes }),
      });
    } else if (held.measure !== undefined && cell.measure !== undefined) {
      const join = cell.step !== 0 ? rollUpMeasure : this.#options.replaces?.(series) === true ? replaceMeasure : mergeMeasure;
      join(held.measure, 0, cell.measure, 0);
    } else if (held.state !== undefined && cell.state !== undefined) rollUpState(held.state, 0, cell.state, 0);
    else if (held.bytes !== undefined && cell.bytes !== undefined && kind !== 'measure' && kind !== 'state') {
      const codec = this.#options.codecs?.[kind];
      if (codec === undefined) throw new Refused(`the store was opened without a codec for cells of kind ${kind}`);
      held.bytes = (cell.step === 0 ? codec.merge : (codec.rollUp ?? codec.merge))(held.bytes, cell.bytes);
    }
  }

  async *#rows(kind: Kind, range: Ranges[Kind]): AsyncIterable<unknown> {
    switch (kind) {
      case 'measure':
        return yield* this.#measureRows(range as CellRange);
      case 'state':
        return yield* this.#stateRows(range as CellRange);
      case 'record':
        return yield* this.#recordRows(range as Ranges['record']);
      case 'flow': {
        const { start, end, ...window } = range as Ranges['flow'];
        const found = this.#flows.filter((block) => block.arrived >= start && block.arrived < end);
        return yield* found.map((block) => (isOutside(block, window) ? { ...block, bytes: new Uint8Array(0) } : block));
      }
      case 'note': {
        const { prefix } = range as Ranges['note'];
        for (const [name, value] of [...this.#notes].sort(([one], [two]) => (one < two ? -1 : 1)))
          if (name.startsWith(prefix)) yield { name, value };
        return;
      }
      case 'series': {
        const { prefix = '' } = range as Ranges['series'];
        const names = new Set([...this.#cells].flatMap(([held, bySeries]) => (held === 'tally' ? [] : [...bySeries.keys()])));
        for (const name of [...names].sort()) if (name.startsWith(prefix)) yield { name };
        return;
      }
      default:
        yield* this.#partRows(kind, range as CellRange);
    }
  }

  *#measureRows({ series, stepSeconds, start, end }: CellRange): Iterable<Rows['measure']> {
    const first = start - (start % stepSeconds);
    for (const name of series) {
      const held = this.#cells.get('measure')?.get(name);
      if (held === undefined) continue;
      const cells = zeroMeasures(Math.max(0, Math.ceil((end - first) / stepSeconds)));
      for (const cell of [...held.values()].sort((one, two) => one.slot - two.slot)) {
        const at = Math.floor((cell.slot - first) / stepSeconds);
        if (at >= 0 && at < cells.counts.length) rollUpMeasure(cells, at, cell.measure as Measures, 0);
      }
      yield { series: name, stepSeconds, start: first, cells };
    }
  }

  *#stateRows({ series, stepSeconds, start, end }: CellRange): Iterable<Rows['state']> {
    const first = start - (start % stepSeconds);
    for (const name of series) {
      const held = this.#cells.get('state')?.get(name);
      if (held === undefined) continue;
      const cells = zeroStates(Math.max(0, Math.ceil((end - first) / stepSeconds)));
      for (const cell of [...held.values()].sort((one, two) => one.slot - two.slot)) {
        const at = Math.floor((cell.slot - first) / stepSeconds);
        if (at >= 0 && at < cells.knownMs.length) rollUpState(cells, at, cell.state as States, 0);
      }
      yield { series: name, stepSeconds, start: first, cells };
    }
  }

  *#partRows(kind: PartKind, { series, stepSeconds, start, end }: CellRange): Iterable<Rows['tally']> {
    const codec = this.#options.codecs?.[kind];
    for (const name of series) {
      const slots = new Map<number, Uint8Array>();
      const held = [...(this.#cells.get(kind)?.get(name)?.values() ?? [])].sort((one, two) => one.slot - two.slot);
      for (const { slot: at, bytes } of held) {
        if (at < start || at >= end) continue;
        const slot = at - (at % stepSeconds);
        const before = slots.get(slot);
        const join = codec?.rollUp ?? codec?.merge;
        slots.set(slot, before === undefined || join === undefined ? (bytes as Uint8Array) : join(before, bytes as Uint8Array));
      }
      for (const [slot, bytes] of slots) yield { series: name, slot, bytes };
    }
  }

  *#recordRows(range: Ranges['record']): Iterable<Rows['record']> {
    const { table, partition, fromPartition = '', fromRow = '', untilRow, fromTime = 0, untilTime = Infinity, limit = Infinity } = range;
    const first = partition ?? fromPartition;
    const found = [...this.#records.values()]
      .filter((put) => put.table === table && (partition === undefined || put.partition === partition))
      .filter((put) => compareRows(put.partition, first) > 0 || (put.partition === first && compareRows(put.row, fromRow) >= 0))
      .filter((put) => untilRow === undefined || compareRows(put.row, untilRow) < 0)
      .filter((put) => put.at >= fromTime && put.at < untilTime)
      .sort((one, two) => compareRows(one.partition, two.partition) || compareRows(one.row, two.row));
    const count = Math.min(limit, found.length);
    if (range.withEnd === true) {
      const row = count === limit ? (found[count - 1]?.row ?? '') : '';
      yield { partition: partition ?? '', rows: [], end: { row, count, more: found.length > count } };
    }
    for (const { partition: own, row, at, value } of found.slice(0, count)) yield { partition: own, rows: [{ row, at, value }] };
  }
}
