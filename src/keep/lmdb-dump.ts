/**
 * Every row of a kind as the embedded store holds it, one after another: what `weir store dump` prints. A scan answers on one step; this tells on which steps
 * things lie, and of which kinds there are any. Rows of series come in order of step, stretch of time and series, then what is open (in the journal and not yet
 * in blocks), whose slots may come twice. Nothing is gathered: memory is that of one block.
 */

import { type States, stateFields, zeroStates } from '../fold/state.js';
import { partKinds } from './journal.js';
import { blockOf } from './lmdb-flows.js';
import type { RowSource } from './lmdb-rows.js';
import { type StoredCell, storedCells } from './lmdb-scan.js';
import { text } from './lmdb-tables.js';
import { countOfBlock, decodeBlock as decodeRecords, type StoredRecord } from './record-block.js';
import { blockSlots, decodeBlock as decodeStates } from './state-block.js';
import type { FlowBlock, Kind, PartKind, Rows } from './store.js';

/** Where a cell lies. */
interface Placed {
  readonly series: string;
  readonly step: number;
  readonly slot: number;
}

export type StoredState = Placed & { readonly [Field in keyof States]: number };
export type StoredPart = Placed & { readonly bytes: Uint8Array };
export type DumpKind = Exclude<Kind, 'series'>;

export interface DumpRows {
  readonly measure: StoredCell & { readonly series: string };
  readonly state: StoredState;
  readonly histogram: StoredPart;
  readonly distinct: StoredPart;
  readonly tally: StoredPart;
  readonly record: StoredRecord & { readonly table: string; readonly partition: string };
  readonly flow: FlowBlock;
  readonly note: Rows['note'];
}

/** Rows of a kind whose series, table or name begins with `prefix`; blocks of flows have none of these and are left out where one is asked for. */
export function dumpRows<K extends DumpKind>(kind: K, prefix: string, source: RowSource): Iterable<DumpRows[K]> {
  const rows = { measure, state, histogram: parts, distinct: parts, tally: parts, record, flow, note }[kind];
  return rows(source, prefix, kind as PartKind) as Iterable<DumpRows[K]>;
}

function* measure({ tables, names, facts, open }: RowSource, prefix: string): Iterable<DumpRows['measure']> {
  for (const series of names.names(prefix)) {
    const id = names.find(series);
    for (const cell of storedCells(tables, open(id), id, facts.ladderOf(id)[0]?.stepSeconds ?? 1)) yield { series, ...cell };
  }
}

function* state(source: RowSource, prefix: string): Iterable<StoredState> {
  const { names, facts, open } = source;
  const cells = zeroStates(blockSlots);
  for (const { series, step, slot, bytes } of blocks(source, 'state', prefix)) {
    cells.knownMs.fill(0);
    cells.unknownMs.fill(0);
    decodeStates(bytes, cells, slot, step);
    for (let at = 0; at < blockSlots; at++) yield* stateAt({ series, step, slot: slot + at * step }, cells, at);
  }
  for (const series of names.names(prefix)) {
    const id = names.find(series);
    for (const generation of open(id)) {
      const run = generation.states.runOf(id);
      const step = facts.ladderOf(id)[0]?.stepSeconds ?? 1;
      for (let at = 0; at < (run?.count ?? 0); at++) yield* stateAt({ series, step, slot: run!.slots[at]! }, run!.cells, at);
    }
  }
}

function* stateAt(place: Placed, cells: States, at: number): Iterable<StoredState> {
  if (cells.knownMs[at] === 0 && cells.unknownMs[at] === 0) return;
  const known = cells.knownMs[at]! > 0;
  const figures = stateFields.map((field) => [
    field,
    known || field === 'unknownMs' || field === 'knownMs' ? cells[field][at]! : Number.NaN,
  ]);
  yield { ...place, ...(Object.fromEntries(figures) as Record<keyof States, number>) };
}

function* parts(source: RowSource, prefix: string, kind: PartKind): Iterable<StoredPart> {
  yield* blocks(source, kind, prefix);
  for (const generation of source.open(Number.POSITIVE_INFINITY)) {
    for (const part of generation.parts.values()) {
      const series = shownName(source, part.series, kind);
      if (part.kind !== kind || !series.startsWith(prefix)) continue;
      yield { series, step: source.facts.ladderOf(part.series)[0]?.stepSeconds ?? 1, slot: part.slot, bytes: part.bytes };
    }
  }
}

// What lies in the table of parts under a kind: its key says all but the cell.
function* blocks(source: RowSource, kind: 'state' | PartKind, prefix: string): Iterable<StoredPart> {
  const number = partKinds.indexOf(kind);
  for (const { key, value } of source.tables.by.parts.getRange({ start: Buffer.of(number), end: Buffer.of(number + 1) })) {
    const series = shownName(source, key.readUInt32BE(9), kind);
    if (series.startsWith(prefix)) yield { series, step: key.readUInt32BE(1), slot: key.readUInt32BE(13), bytes: Buffer.from(value) };
  }
}

function shownName({ names }: RowSource, series: number, kind: 'state' | PartKind): string {
  // Tallies have names of their own, behind one character.
  return kind === 'tally' ? names.nameOf(series).slice(1) : names.nameOf(series);
}

function* record({ tables }: RowSource, prefix: string): Iterable<DumpRows['record']> {
  for (const { key, value } of tables.by.records.getRange({ start: prefix === '' ? Buffer.of(0) : text(prefix) })) {
    const [table = '', partition = ''] = key.toString().split('\0', 2);
    if (!table.startsWith(prefix)) return;
    const rows: StoredRecord[] = [];
    decodeRecords(Buffer.from(value), 0, countOfBlock(value), rows);
    for (const row of rows) yield { table, partition, ...row };
  }
}

function* flow({ tables }: RowSource, prefix: string): Iterable<FlowBlock> {
  if (prefix !== '') return;
  for (const { key, value } of tables.by.flows.getRange({})) yield blockOf(key, Buffer.from(value));
}

function* note({ tables }: RowSource, prefix: string): Iterable<Rows['note']> {
  for (const { key, value } of tables.by.notes.getRange({ start: prefix === '' ? Buffer.of(0) : text(prefix) })) {
    const name = key.toString();
    if (!name.startsWith(prefix)) return;
    yield { name, value: Buffer.from(value) };
  }
}
