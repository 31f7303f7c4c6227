/**
 * The first n records of a partition, and where to go on. A cursor is stateless: it names the table, the partition and the last row that was given, so that it
 * survives restarts, and records that are put or deleted meanwhile: what follows is what stands behind that row, nothing skipped, nothing repeated.
 *
 *   cursor   base64url of JSON [table, partition, row], a dot, 12 hex digits of its SHA-256
 *
 * The check tells a cursor that was cut or mistyped; it keeps no secret and grants nothing.
 */

import { createHash } from 'node:crypto';
import { Usage } from '../base/faults.js';
import type { Store } from '../keep/store.js';

/** Rows that may be asked for at once. */
export const takeMax = 100_000_000;
const cursorSizeMax = 8192;

export interface TakeQuestion {
  readonly table: string;
  readonly partition: string;
  readonly n: number;
  readonly cursor?: string | undefined;
}

export interface TakenRow {
  readonly partition: string;
  readonly row: string;
  /** JSON of the record's own fields. */
  readonly value: Uint8Array;
}

export interface Taken {
  /** The rows, at most n. */
  readonly rows: AsyncIterable<TakenRow>;
  /** Where to go on; undefined when no record follows. */
  readonly next: string | undefined;
}

/** Takes the first n. The cursor for what follows is known before the first row is given. Throws Usage for a cursor that is none, or is another's. */
export async function take(store: Pick<Store, 'scan'>, { table, partition, n, cursor }: TakeQuestion): Promise<Taken> {
  const fromRow = cursor === undefined ? '' : after(cursor, table, partition);
  const range = { table, partition, fromRow };
  if (n <= heldRows) {
    const held: TakenRow[] = [];
    for await (const row of store.scan('record', { ...range, limit: n + 1 })) held.push(row);
    const last = held.length > n ? held[n - 1] : undefined;
    if (held.length > n) held.pop();
    return { rows: each(held), next: nextOf(last, table, partition, held.length === 0 && n === 0) };
  }
  // Too many to hold: their keys are passed over once, then they stream.
  let count = 0;
  let last: TakenRow | undefined;
  let isMore = false;
  for await (const row of store.scan('record', { ...range, limit: n + 1 })) {
    count += 1;
    if (count <= n) last = row;
    else isMore = true;
  }
  return {
    rows: store.scan('record', { ...range, limit: Math.min(n, count) }),
    next: isMore ? nextOf(last, table, partition, false) : undefined,
  };
}

const heldRows = 4096;

async function* each(rows: readonly TakenRow[]): AsyncGenerator<TakenRow> {
  yield* rows;
}

function nextOf(last: TakenRow | undefined, table: string, partition: string, isNothing: boolean): string | undefined {
  return last === undefined || isNothing ? undefined : cursorOf(table, partition, last.row);
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
  const [ownTable, ownPartition, row] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [string, string, string];
  if (ownTable !== table || ownPartition !== partition)
    throw new Usage(`the cursor is of ${ownTable}/${ownPartition}, not of ${table}/${partition}`);
  return `${row}\u0001`;
}

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** A row as a line of JSON: `partition`, `row` and the record's own fields. */
export function rowLine({ partition, row, value }: TakenRow): string {
  const fields = Buffer.from(value).toString();
  const head = `{"partition":${JSON.stringify(partition)},"row":${JSON.stringify(row)}`;
  return fields === '{}' || fields === '' ? `${head}}\n` : `${head},${fields.slice(1)}\n`;
}
