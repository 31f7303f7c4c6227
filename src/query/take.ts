/**
 * The first n records of a partition, and where to go on. A cursor is stateless: it names the table, the partition and the last row that was given, so that it
 * survives restarts, and records that are put or deleted meanwhile: what follows is what stands behind that row, nothing skipped, nothing repeated.
 *
 *   cursor   base64url of JSON [table, partition, row], a dot, 12 hex digits of its SHA-256
 *
 * The check tells a cursor that was cut or mistyped; it keeps no secret and grants nothing. `get` reads one record by its row.
 */

import { createHash } from 'node:crypto';
import { Usage } from '../base/faults.js';
import type { StoredRecord } from '../keep/record-block.js';
import type { RecordRange, Store } from '../keep/store.js';

/** Rows that may be asked for at once. */
export const takeMax = 100_000_000;
const cursorSizeMax = 8192;
const heldRowsMax = 4096;

export interface TakeQuestion extends Pick<RecordRange, 'fromRow' | 'untilRow' | 'fromTime' | 'untilTime'> {
  readonly table: string;
  readonly partition: string;
  readonly n: number;
  readonly cursor?: string | undefined;
}

export interface Taken {
  /** The records, a block of neighbours at a time: n in all, or as many as there are. */
  readonly blocks: AsyncIterable<readonly StoredRecord[]>;
  /** Where to go on; undefined when no record follows. */
  readonly next: string | undefined;
}

/** Takes the first n of a partition, or of a range of its rows. The cursor for what follows is known before the first row is given. Throws Usage for a cursor that is none, or is another's. */
export async function take(store: Pick<Store, 'scan'>, question: TakeQuestion): Promise<Taken> {
  const { n, cursor, ...range } = question;
  const { table, partition } = range;
  const fromRow = cursor === undefined ? range.fromRow : after(cursor, table, partition);
  const from = { ...range, ...(fromRow === undefined ? {} : { fromRow }) };
  if (n > heldRowsMax) return await takeMany(store, from, n);
  const blocks: (readonly StoredRecord[])[] = [];
  let left = n;
  let last = '';
  for await (const { rows } of store.scan('record', { ...from, limit: n + 1 })) {
    if (rows.length > left) {
      if (left > 0) blocks.push(rows.slice(0, left));
      last = rows[left - 1]?.row ?? last;
      return { blocks: each(blocks), next: n === 0 ? undefined : cursorOf(table, partition, last) };
    }
    blocks.push(rows);
    left -= rows.length;
    last = rows.at(-1)?.row ?? last;
  }
  return { blocks: each(blocks), next: undefined };
}

/** The record of a row; undefined when there is none. */
export async function get(store: Pick<Store, 'scan'>, table: string, partition: string, row: string): Promise<StoredRecord | undefined> {
  for await (const { rows } of store.scan('record', { table, partition, fromRow: row, limit: 1 })) {
    return rows[0]?.row === row ? rows[0] : undefined;
  }
  return undefined;
}

// Too many to hold: the store passes over their heads first, then they stream from the same snapshot.
async function takeMany(store: Pick<Store, 'scan'>, range: RecordRange & { readonly partition: string }, n: number): Promise<Taken> {
  const scan = store.scan('record', { ...range, limit: n, withEnd: true })[Symbol.asyncIterator]();
  const first = await scan.next();
  const end = first.done === true ? undefined : first.value.end;
  const next = end?.more === true ? cursorOf(range.table, range.partition, end.row) : undefined;
  return { blocks: rowsOf(scan), next };
}

async function* rowsOf(scan: AsyncIterator<{ readonly rows: readonly StoredRecord[] }>): AsyncGenerator<readonly StoredRecord[]> {
  try {
    for (let step = await scan.next(); step.done !== true; step = await scan.next()) yield step.value.rows;
  } finally {
    await scan.return?.();
  }
}

async function* each(blocks: readonly (readonly StoredRecord[])[]): AsyncGenerator<readonly StoredRecord[]> {
  yield* blocks;
}

/** The cursor for what stands behind a row. */
export function cursorOf(table: string, partition: string, row: string): string {
  const text = Buffer.from(JSON.stringify([table, partition, row])).toString('base64url');
  return `${text}.${checkOf(text)}`;
}

// The least row behind the one that the cursor names.
function after(cursor: string, table: string, partition: string): string {
  const [text = '', check] = cursor.split('.');
  if (cursor.length > cursorSizeMax || check !== checkOf(text)) throw new Usage('the cursor is damaged (expected one as it was given)');
  let [ownTable, ownPartition, row] = ['', '', ''];
  try {
    [ownTable, ownPartition, row] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [string, string, string];
  } catch {
    throw new Usage('the cursor is none of ours (expected one as it was given)');
  }
  if (ownTable !== table || ownPartition !== partition)
    throw new Usage(`the cursor is of ${ownTable}/${ownPartition}, not of ${table}/${partition}`);
  return `${row}\u0001`;
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Records as lines of JSON: `partition`, `row` and the record's own fields. */
export function rowLines(partition: string, rows: readonly StoredRecord[]): string {
  const head = `{"partition":${JSON.stringify(partition)},"row":`;
  let lines = '';
  for (const { row, value } of rows) {
    const key = plain.test(row) ? `"${row}"` : JSON.stringify(row);
    lines += value.length <= 2 ? `${head}${key}}\n` : `${head}${key},${value.slice(1)}\n`;
  }
  return lines;
}

// What JSON writes as it is.
const plain = /^[ !#-[\]-~]*$/;
