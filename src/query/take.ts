/**
 * The first n records of a partition, and where to go on. A cursor is stateless: it names the table, the partition and the last row that was given, so that it
 * survives restarts, and records that are put or deleted meanwhile: what follows is what stands behind that row, nothing skipped, nothing repeated.
 *
 *   cursor   base64url of JSON [table, partition, row], a dot, 16 hex digits of its FNV-1a
 *
 * The check tells a cursor that was cut or mistyped; it keeps no secret and grants nothing. `get` reads one record by its row.
 */

import { Usage } from '../base/faults.js';
import type { StoredRecord } from '../keep/record-block.js';
import type { RecordRange, Store } from '../keep/store.js';

/** Rows that may be asked for at once. */
export const takeMax = 100_000_000;
const cursorSizeMax = 8192;
/** What is held at most, so that small takes need no look ahead: rows, and characters of their values. */
const heldRowsMax = 4096;
const heldSizeMax = 8 << 20;

export interface TakeQuestion extends Pick<RecordRange, 'fromRow' | 'untilRow' | 'fromTime' | 'untilTime'> {
  readonly table: string;
  readonly partition: string;
  readonly n: number;
  readonly cursor?: string | undefined;
}

export interface Taken {
  /** The records, a block of neighbours at a time: n in all, or as many as there are. */
  readonly blocks: AsyncIterable<readonly StoredRecord[]> | readonly (readonly StoredRecord[])[];
  /** Where to go on; undefined when no record follows. */
  readonly next: string | undefined;
}

/** Takes the first n of a partition, or of a range of its rows. The cursor for what follows is known before the first row is given. Throws Usage for a cursor that is none, or is another's. */
export async function take(store: Pick<Store, 'scan'>, question: TakeQuestion): Promise<Taken> {
  const { table, partition, n, cursor, untilRow, fromTime, untilTime } = question;
  const fromRow = cursor === undefined ? question.fromRow : after(cursor, table, partition);
  const range = { table, partition, fromRow, untilRow, fromTime, untilTime, limit: n + 1 };
  if (n > heldRowsMax) return await takeMany(store, range, n);
  const blocks: (readonly StoredRecord[])[] = [];
  let [count, size] = [0, 0];
  await eachBlock(store.scan('record', range), (rows) => {
    blocks.push(rows);
    count += rows.length;
    for (const { value } of rows) size += value.length;
    return size <= heldSizeMax;
  });
  if (size > heldSizeMax) return await takeMany(store, range, n);
  if (count <= n) return { blocks, next: undefined };
  blocks.push((blocks.pop() ?? []).slice(0, -1));
  const last = blocks.at(-1)?.at(-1) ?? blocks.at(-2)?.at(-1);
  return { blocks, next: last === undefined ? undefined : cursorOf(table, partition, last.row) };
}

// Hands over the rows of a scan until enough is said; without waiting where that can be.
async function eachBlock(
  scan: AsyncIterable<{ readonly rows: readonly StoredRecord[] }>,
  more: (rows: readonly StoredRecord[]) => boolean,
): Promise<void> {
  if (Symbol.iterator in scan) {
    for (const { rows } of scan as Iterable<{ readonly rows: readonly StoredRecord[] }>) if (!more(rows)) return;
    return;
  }
  for await (const { rows } of scan) if (!more(rows)) return;
}

/** The record of a row; undefined when there is none. */
export async function get(store: Pick<Store, 'scan'>, table: string, partition: string, row: string): Promise<StoredRecord | undefined> {
  let found: StoredRecord | undefined;
  await eachBlock(store.scan('record', { table, partition, fromRow: row, limit: 1 }), ([first]) => {
    found = first;
    return false;
  });
  return found?.row === row ? found : undefined;
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

// FNV-1a, twice 32 bits from different beginnings: a hash for secrets would cost more than the take.
function checkOf(text: string): string {
  let [one, two] = [0x811c9dc5, 0x9747b28c];
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    one = Math.imul(one ^ character, 0x01000193);
    two = Math.imul(two ^ character, 0x01000193);
  }
  return (one >>> 0).toString(16).padStart(8, '0') + (two >>> 0).toString(16).padStart(8, '0');
}

/** Records as lines of JSON: `partition`, `row` and the record's own fields. */
export function rowLines(partition: string, rows: readonly StoredRecord[]): string {
  const head = `{"partition":${JSON.stringify(partition)},"row":`;
  let lines = '';
  for (const { row, value } of rows) {
    const key = plain.test(row) ? `"${row}"` : JSON.stringify(row);
    const fields = value.includes('"partition":') || value.includes('"row":') ? withoutKeys(value) : value;
    lines += fields.length <= 2 ? `${head}${key}}\n` : `${head}${key},${fields.slice(1)}\n`;
  }
  return lines;
}

// An entity may have properties of these names: they are shown with a line below, so that the keys stay what they are.
function withoutKeys(value: string): string {
  const entries = Object.entries(JSON.parse(value) as Record<string, unknown>);
  return JSON.stringify(Object.fromEntries(entries.map(([name, own]) => [/^(partition|row)(@|$)/.test(name) ? `_${name}` : name, own])));
}

// What JSON writes as it is.
const plain = /^[ !#-[\]-~]*$/;
