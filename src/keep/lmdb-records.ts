/**
 * Records in the embedded store: blocks of rows (record-block.ts) under the key of their first row. A put finds the block that a row belongs to, the last whose first row is not
 * above it, and writes it again, cut where it has grown too large; the puts of a batch that fall into one block are one write. What is left of a block after deletes
 * joins the block behind it when it is small. Within a write transaction all of it: a batch is applied whole or not at all.
 */

import type { Transaction } from 'lmdb';
import { recordKey, type Table, type Tables } from './lmdb-tables.js';
import {
  compareRows,
  countOfBlock,
  cutIntoBlocks,
  decodeBlock,
  encodeBlock,
  placeInBlock,
  type StoredRecord,
  timesOfBlock,
} from './record-block.js';
import type { Ranges, RecordPut, Rows } from './store.js';

const smallBlockRows = 8;

/** A block's first row, and its rows. */
interface Block {
  readonly row: string;
  readonly rows: StoredRecord[];
}

/** Puts and deletes the records of a batch. */
export function putRecords(stored: Tables, puts: readonly RecordPut[], nowSeconds: number): void {
  const nowMicros = Math.round(nowSeconds * 1e6);
  const tables = new Map<string, Map<string, RecordPut[]>>();
  let [table, partition]: (string | undefined)[] = [];
  let partitions = new Map<string, RecordPut[]>();
  let group: RecordPut[] = [];
  for (const put of puts) {
    if (put.table !== table) {
      table = put.table;
      partition = undefined;
      partitions = tables.get(table) ?? new Map();
      tables.set(table, partitions);
    }
    if (put.partition !== partition) {
      partition = put.partition;
      group = partitions.get(partition) ?? [];
      partitions.set(partition, group);
    }
    group.push(put);
  }
  for (const [name, own] of tables) for (const [key, rows] of own) putPartition(stored, name, key, inOrder(rows), nowMicros);
}

// In order of row, the last put of a row only. Most batches come in order.
function inOrder(puts: RecordPut[]): RecordPut[] {
  let isOrdered = true;
  for (let at = 1; at < puts.length && isOrdered; at++) isOrdered = compareRows(puts[at - 1]!.row, puts[at]!.row) < 0;
  if (isOrdered) return puts;
  return [...new Map(puts.map((put) => [put.row, put])).values()].sort((one, two) => compareRows(one.row, two.row));
}

function putPartition(
  { by: { records }, lentRecords }: Tables,
  table: string,
  partition: string,
  puts: readonly RecordPut[],
  nowMicros: number,
): void {
  const prefix = recordKey(table, partition, '');
  const keyOf = (row: string): Buffer => recordKey(table, partition, row);
  for (let from = 0; from < puts.length; ) {
    const key = keyOf(puts[from]!.row);
    // The last block whose first row is not above the put's; else the first of all.
    const block = blockFrom(lentRecords, prefix, key, true) ?? blockFrom(lentRecords, prefix, key, false);
    const next = block === undefined ? undefined : firstRowFrom(records, prefix, keyOf(`${block.row}\u0001`));
    let end = from + 1;
    while (end < puts.length && (next === undefined || compareRows(puts[end]!.row, next) < 0)) end++;
    const held = block?.rows ?? [];
    const merged = mergeRows(held, puts, from, end, nowMicros);
    if (merged.length < held.length && merged.length < smallBlockRows && next !== undefined) {
      // What is left is few: it joins its neighbour, whose own puts come with the next turn.
      merged.push(...(blockFrom(lentRecords, prefix, keyOf(next), false)?.rows ?? []));
      records.removeSync(keyOf(next));
    }
    const cut = cutIntoBlocks(merged, growth(held, puts, from, end));
    if (block !== undefined && cut[0]?.[0]?.row !== block.row) records.removeSync(keyOf(block.row));
    for (const rows of cut) records.putSync(keyOf(rows[0]!.row), encodeBlock(rows));
    from = end;
  }
}

function growth(held: readonly StoredRecord[], puts: readonly RecordPut[], from: number, end: number): 'after' | 'before' | 'between' {
  const last = held.at(-1);
  if (last === undefined || compareRows(puts[from]!.row, last.row) > 0) return 'after';
  return compareRows(puts[end - 1]!.row, held[0]!.row) < 0 ? 'before' : 'between';
}

function mergeRows(
  held: readonly StoredRecord[],
  puts: readonly RecordPut[],
  from: number,
  end: number,
  nowMicros: number,
): StoredRecord[] {
  const merged: StoredRecord[] = [];
  let at = 0;
  for (let index = from; index < end; index++) {
    const { row, at: time = nowMicros, value } = puts[index]!;
    while (at < held.length && compareRows(held[at]!.row, row) < 0) merged.push(held[at++]!);
    if (at < held.length && held[at]!.row === row) at++;
    if (value !== undefined) merged.push({ row, at: time, value });
  }
  while (at < held.length) merged.push(held[at++]!);
  return merged;
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

// The nearest block at a key or before it, or at it or behind it; its bytes are lent, and so decoded at once.
function blockFrom(records: Table, prefix: Buffer, key: Buffer, reverse: boolean): Block | undefined {
  for (const { key: found, value } of records.getRange({ start: key, reverse, limit: 1 })) {
    if (!startsWith(found, prefix)) break;
    return { row: found.toString('utf8', prefix.length), rows: rowsOf(value, 0, countOfBlock(value)) };
  }
  return undefined;
}

// The first row of the block at a key or behind it.
function firstRowFrom(records: Table, prefix: Buffer, key: Buffer): string | undefined {
  for (const found of records.getKeys({ start: key, limit: 1 }))
    if (startsWith(found, prefix)) return found.toString('utf8', prefix.length);
  return undefined;
}

const turnBlocks = 512;

/**
 * Blocks of a range, in order of partition and row, all of one snapshot. Who reads them as an AsyncIterable lets others by after every so many blocks; they are an Iterable too, for who reads few and would rather not wait.
 */
export function recordBlocks(tables: Tables, range: Ranges['record']): RecordBlocks {
  return new RecordBlocks(tables, range);
}

class RecordBlocks implements AsyncIterable<Rows['record']>, Iterable<Rows['record']> {
  readonly #tables: Tables;
  readonly #range: Ranges['record'];

  constructor(tables: Tables, range: Ranges['record']) {
    this.#tables = tables;
    this.#range = range;
  }

  [Symbol.asyncIterator](): AsyncIterator<Rows['record']> {
    return this.#range.withEnd === true ? blocksWithEnd(this.#tables, this.#range) : blocksInTurns(this.#tables, this.#range);
  }

  [Symbol.iterator](): Iterator<Rows['record']> {
    return blocksAtOnce(this.#tables, this.#range);
  }
}

function* blocksAtOnce(tables: Tables, range: Ranges['record'], transaction?: Transaction): Generator<Rows['record']> {
  for (const { partition, bytes, from, end } of pieces(tables, range, transaction)) yield { partition, rows: rowsOf(bytes, from, end) };
}

async function* blocksInTurns(tables: Tables, range: Ranges['record'], transaction?: Transaction): AsyncGenerator<Rows['record']> {
  let turn = 0;
  tables.scans += 1;
  try {
    for (const block of blocksAtOnce(tables, range, transaction)) {
      yield block;
      if (++turn % turnBlocks === 0) await turnOver();
    }
  } finally {
    tables.scans -= 1;
  }
}

// Passes over the heads of the blocks first, in the same snapshot, to say where the limit ends.
async function* blocksWithEnd(tables: Tables, range: Ranges['record']): AsyncGenerator<Rows['record']> {
  const transaction = tables.root.useReadTransaction();
  tables.scans += 1;
  try {
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    const end = { row: '', count: 0, more: false };
    let turn = 0;
    for (const { bytes, from, end: to } of pieces(tables, { ...range, limit: limit + 1 }, transaction)) {
      const taken = Math.min(to - from, limit - end.count);
      end.more = taken < to - from;
      end.count += taken;
      if (taken > 0 && end.count === limit) end.row = rowsOf(bytes, from + taken - 1, from + taken)[0]?.row ?? '';
      if (++turn % turnBlocks === 0) await turnOver();
    }
    yield { partition: range.partition ?? '', rows: [], end };
    yield* blocksInTurns(tables, range, transaction);
  } finally {
    transaction.done();
    tables.scans -= 1;
  }
}

/** Rows `[from, end)` of a block, to be decoded before anything else is read: the bytes are lent. */
interface Piece {
  readonly partition: string;
  readonly bytes: Buffer;
  readonly from: number;
  readonly end: number;
}

function* pieces({ lentRecords: records }: Tables, range: Ranges['record'], transaction: Transaction | undefined): Generator<Piece> {
  const { table, partition, fromRow = '', untilRow, limit = Number.POSITIVE_INFINITY } = range;
  const first = partition ?? range.fromPartition ?? '';
  const firstPrefix = recordKey(table, first, '');
  const prefix = partition === undefined ? recordKey(table, '') : firstPrefix;
  const wanted = fromRow === '' ? firstPrefix : recordKey(table, first, fromRow);
  const options = transaction === undefined ? {} : { transaction };
  let start = wanted;
  // The row may lie within a block that begins before it.
  if (fromRow !== '')
    for (const key of records.getKeys({ ...options, start: wanted, reverse: true, limit: 1 }))
      if (startsWith(key, firstPrefix)) start = key;
  let left = limit;
  for (const { key, value } of records.getRange({ ...options, start })) {
    if (left <= 0 || !startsWith(key, prefix)) return;
    const own = partition ?? partitionOf(key);
    const from = own === first ? placeInBlock(value, fromRow) : 0;
    const end = untilRow === undefined ? countOfBlock(value) : placeInBlock(value, untilRow);
    const runs = runsInTime(value, from, end, range);
    const bytes = runs.length > 1 ? Buffer.from(value.subarray(0, value.length)) : value;
    const isLast = untilRow !== undefined && partition !== undefined && end < countOfBlock(value);
    for (const run of runs) {
      const taken = Math.min(left, run.end - run.from);
      if (taken > 0) yield { partition: own, bytes, from: run.from, end: run.from + taken };
      left -= taken;
    }
    if (isLast) return;
  }
}

function partitionOf(key: Buffer): string {
  const start = key.indexOf(0) + 1;
  return key.toString('utf8', start, key.indexOf(0, start));
}

// Runs of rows whose time lies in the range: mostly one, the whole.
function runsInTime(block: Buffer, from: number, end: number, range: Ranges['record']): readonly { from: number; end: number }[] {
  const { fromTime = 0, untilTime = Number.POSITIVE_INFINITY } = range;
  if (fromTime === 0 && untilTime === Number.POSITIVE_INFINITY) return [{ from, end }];
  const { oldest, newest } = timesOfBlock(block);
  if (oldest >= fromTime && newest < untilTime) return [{ from, end }];
  if (newest < fromTime || oldest >= untilTime) return [];
  const runs: { from: number; end: number }[] = [];
  rowsOf(block, from, end).forEach(({ at }, index) => {
    if (at < fromTime || at >= untilTime) return;
    const place = from + index;
    const last = runs.at(-1);
    if (last?.end === place) last.end = place + 1;
    else runs.push({ from: place, end: place + 1 });
  });
  return runs;
}

function rowsOf(block: Buffer, from: number, end: number): StoredRecord[] {
  const rows: StoredRecord[] = [];
  decodeBlock(block, from, end, rows);
  return rows;
}

function turnOver(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Where a sweep for old records goes on; undefined begins at the first table. */
export type SweepPlace = Buffer | undefined;

/** Lets go of records that were put before the horizon of their table, a bounded number of blocks a turn: answers how many records went, and where the next turn goes on. */
export function sweepRecords(
  { by: { records } }: Tables,
  place: SweepPlace,
  blocksMax: number,
  horizonOf: (table: string) => number | undefined,
): { readonly gone: number; readonly place: SweepPlace } {
  let gone = 0;
  let start = place ?? Buffer.of(1);
  for (let left = blocksMax; left > 0; ) {
    const batch = [...records.getRange({ start, limit: Math.min(left, 64) })];
    if (batch.length === 0) return { gone, place: undefined };
    left -= batch.length;
    for (const { key, value } of batch) {
      const table = key.toString('utf8', 0, key.indexOf(0));
      const horizon = horizonOf(table);
      start = horizon === undefined ? Buffer.concat([key.subarray(0, key.indexOf(0)), Buffer.of(1)]) : Buffer.concat([key, Buffer.of(0)]);
      if (horizon === undefined) break;
      if (timesOfBlock(value).oldest < horizon) gone += dropOlder(records, key, value, horizon);
    }
  }
  return { gone, place: start };
}

function dropOlder(records: Table, key: Buffer, block: Buffer, horizon: number): number {
  const rows = rowsOf(block, 0, countOfBlock(block));
  const kept = rows.filter(({ at }) => at >= horizon);
  records.removeSync(key);
  const own = key.subarray(0, key.indexOf(0, key.indexOf(0) + 1) + 1);
  if (kept[0] !== undefined) records.putSync(Buffer.concat([own, Buffer.from(kept[0].row)]), encodeBlock(kept));
  return rows.length - kept.length;
}
