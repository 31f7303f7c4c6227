/**
 * Records as they come in: JSON lines, each with `table`, `partition`, `row` and fields of its own; `"deleted": true` instead of fields lets go of the
 * record. All lines of a batch are read before any is stored: a batch is applied whole or not at all (law 6).
 */

import { Malformed } from '../base/faults.js';
import type { RecordPut } from '../keep/store.js';

const keyBytesMax = 1024;
const recordBytesMax = 1 << 20;
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
  const { table = otherTable, partition, row, deleted, ...fields } = object as Record<string, unknown>;
  const [tableName, partitionKey, rowKey] = [
    keyOf(table, 'table', number),
    keyOf(partition, 'partition', number),
    keyOf(row, 'row', number),
  ];
  if (Buffer.byteLength(tableName + partitionKey + rowKey) > allKeysMax)
    throw new Malformed(`line ${number}: keys of more than ${allKeysMax} bytes together`);
  const value = Buffer.from(JSON.stringify(fields));
  if (value.length > recordBytesMax)
    throw new Malformed(`line ${number}: a record of ${value.length} bytes (expected at most ${recordBytesMax})`);
  return { table: tableName, partition: partitionKey, row: rowKey, value: deleted === true ? undefined : value };
}

function keyOf(value: unknown, name: string, number: number): string {
  if (typeof value !== 'string' || value === '') throw new Malformed(`line ${number}: '${name}' is missing (expected a text)`);
  const size = Buffer.byteLength(value);
  if (size > keyBytesMax) throw new Malformed(`line ${number}: '${name}' has ${size} bytes (expected at most ${keyBytesMax})`);
  if (value.includes('\0')) throw new Malformed(`line ${number}: '${name}' holds a zero character (expected none)`);
  return value;
}
