/**
 * Records as they come in: JSON lines, each with `table`, `partition`, `row` and fields of its own; `"deleted": true` instead of fields lets go of the
 * record. All lines of a batch are read before any is stored: a batch is applied whole or not at all (law 6).
 */

import { Malformed, Usage } from '../base/faults.js';
import type { RecordPut, RecordRange } from '../keep/store.js';

const keyBytesMax = 1024;
const recordBytesMax = 1 << 20;
/** A range of records: rows, and times in microseconds of the Unix epoch; half-open. */
export type RecordBounds = Pick<RecordRange, 'fromRow' | 'untilRow' | 'fromTime' | 'untilTime'>;

/** Reads a range from named texts: rows `fromRow, untilRow`, times `from, until` (RFC 3339 or epoch seconds). Throws Usage for a time that is none. */
export function recordBounds(textOf: (name: string) => string | undefined): RecordBounds {
  const [fromRow, untilRow] = [textOf('fromRow'), textOf('untilRow')];
  const [from, until] = [timeOf('from', textOf('from')), timeOf('until', textOf('until'))];
  return {
    ...(fromRow === undefined ? {} : { fromRow }),
    ...(untilRow === undefined ? {} : { untilRow }),
    ...(from === undefined ? {} : { fromTime: from }),
    ...(until === undefined ? {} : { untilTime: until }),
  };
}

function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d{1,11}(\.\d{1,9})?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isNaN(seconds)) throw new Usage(`${name} is '${text.slice(0, 40)}' (expected RFC 3339 or epoch seconds)`);
  return Math.round(seconds * 1e6);
}

/** Keys of a record together, in the store. */
const allKeysMax = 1800;

/** Reads a body. `table` is that of lines that name none. Throws Malformed with the line. */
export function readRecords(text: string, table: string | undefined): RecordPut[] {
  const puts: RecordPut[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    puts.push(readRecord(line, index + 1, table));
  });
  return puts;
}

function readRecord(line: string, number: number, otherTable: string | undefined): RecordPut {
  let object: unknown;
  try {
    object = JSON.parse(line);
  } catch {
    throw new Malformed(`line ${number}: no JSON (expected an object a line)`);
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    throw new Malformed(`line ${number}: no object (expected one a line)`);
  const usual = usualHead.exec(line);
  if (usual !== null) {
    const [head, table = '', partition = '', row = '', end] = usual;
    const told = object as Record<string, unknown>;
    if (told['table'] === table && told['partition'] === partition && told['row'] === row && !('deleted' in told)) {
      const value = end === '}' ? '{}' : `{${line.slice(head.length).trimEnd()}`;
      return checked({ table, partition, row, value }, number);
    }
  }
  const { table = otherTable, partition, row, deleted, ...fields } = object as Record<string, unknown>;
  const [tableName, partitionKey, rowKey] = [
    keyOf(table, 'table', number),
    keyOf(partition, 'partition', number),
    keyOf(row, 'row', number),
  ];
  const value = deleted === true ? undefined : JSON.stringify(fields);
  return checked({ table: tableName, partition: partitionKey, row: rowKey, value }, number);
}

// Keys first and plain, as programs write them: the fields are then kept as they came, once they are known to be JSON.
const usualHead = /^\{"table":"([ !#-[\]-~]{1,1024})","partition":"([ !#-[\]-~]{1,1024})","row":"([ !#-[\]-~]{1,1024})"([,}])/;

function checked(put: RecordPut, number: number): RecordPut {
  const { table, partition, row, value = '' } = put;
  if (Buffer.byteLength(table) + Buffer.byteLength(partition) + Buffer.byteLength(row) > allKeysMax)
    throw new Malformed(`line ${number}: keys of more than ${allKeysMax} bytes together`);
  if (value.length > recordBytesMax / 3 && Buffer.byteLength(value) > recordBytesMax)
    throw new Malformed(`line ${number}: a record of ${Buffer.byteLength(value)} bytes (expected at most ${recordBytesMax})`);
  return put;
}

function keyOf(value: unknown, name: string, number: number): string {
  if (typeof value !== 'string' || value === '') throw new Malformed(`line ${number}: '${name}' is missing (expected a text)`);
  const size = Buffer.byteLength(value);
  if (size > keyBytesMax) throw new Malformed(`line ${number}: '${name}' has ${size} bytes (expected at most ${keyBytesMax})`);
  if (value.includes('\0')) throw new Malformed(`line ${number}: '${name}' holds a zero character (expected none)`);
  if (/\p{Cs}/u.test(value)) throw new Malformed(`line ${number}: '${name}' holds half a character (expected whole ones)`);
  return value;
}
