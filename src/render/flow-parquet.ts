/**
 * Flow records as Apache Parquet, a row group at a time: rows are gathered to a group's size, encoded, written and forgotten, so that
 * memory does not grow with the number of flows. Names are those of the CSV; times are timestamps in microseconds (UTC), addresses texts
 * (null when unknown), counters 64-bit integers. Columns are those that the first batch carries.
 * Source: Apache Parquet format, logical types; written by hyparquet-writer.
 */

import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { formatAddress } from '../base/address.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { type OptionalColumn, optionalColumns, optionalNames } from '../base/flow-columns.js';
import { isNone, labelsText, macText, printedColumns } from './flow-rows.js';

/** Rows of a row group. */
const groupRows = 65536;

type Value = number | bigint | string | null;
type Kind = 'int32' | 'int64' | 'text' | 'time' | 'double';
interface ParquetColumn {
  readonly name: string;
  readonly kind: Kind;
  readonly read: (batch: FlowBatch, row: number) => Value;
}

const fixedColumns: readonly ParquetColumn[] = [
  { name: 'first', kind: 'time', read: (batch, row) => micros(batch.firstSeconds[row]!, batch.firstNanos[row]!) },
  { name: 'last', kind: 'time', read: (batch, row) => micros(batch.lastSeconds[row]!, batch.lastNanos[row]!) },
  { name: 'src', kind: 'text', read: (batch, row) => endAddress(batch, batch.src, row) },
  { name: 'dst', kind: 'text', read: (batch, row) => endAddress(batch, batch.dst, row) },
  { name: 'sport', kind: 'int32', read: (batch, row) => batch.sport[row]! },
  { name: 'dport', kind: 'int32', read: (batch, row) => batch.dport[row]! },
  { name: 'proto', kind: 'int32', read: (batch, row) => batch.proto[row]! },
  { name: 'flags', kind: 'int32', read: (batch, row) => batch.flags[row]! },
  { name: 'tos', kind: 'int32', read: (batch, row) => batch.tos[row]! },
  { name: 'packets', kind: 'int64', read: (batch, row) => BigInt(batch.packets[row]!) },
  { name: 'bytes', kind: 'int64', read: (batch, row) => BigInt(batch.bytes[row]!) },
  { name: 'in_if', kind: 'int64', read: (batch, row) => BigInt(batch.inIf[row]!) },
  { name: 'out_if', kind: 'int64', read: (batch, row) => BigInt(batch.outIf[row]!) },
  { name: 'src_as', kind: 'int64', read: (batch, row) => BigInt(batch.srcAs[row]!) },
  { name: 'dst_as', kind: 'int64', read: (batch, row) => BigInt(batch.dstAs[row]!) },
];
/** A writer of flows as Parquet, to a sink of bytes. */
export class FlowParquet {
  readonly #columns: readonly ParquetColumn[];
  readonly #writer: ParquetWriter;
  /** What the file cannot hold of what came. */
  readonly leftOut = new Set<string>();
  #held: Value[][];
  #rows = 0;

  /** `sample`: the first batch, whose columns the file gets. */
  constructor(sample: FlowBatch | undefined, write: (bytes: Uint8Array) => void) {
    this.#columns = columnsOf(sample);
    this.#held = this.#columns.map(() => []);
    this.#writer = new ParquetWriter({
      writer: new SinkWriter(write),
      schema: [
        { name: 'flows', num_children: this.#columns.length },
        ...this.#columns.map(({ name, kind }) => ({ name, repetition_type: 'OPTIONAL' as const, ...elements[kind] })),
      ],
      createdBy: 'weir',
    });
  }

  add(batch: FlowBatch): void {
    noteLeftOut(batch, this.#columns, this.leftOut);
    for (let start = 0; start < batch.count; ) {
      const end = Math.min(batch.count, start + groupRows - this.#rows);
      for (const [index, column] of this.#columns.entries()) {
        const held = this.#held[index] as Value[];
        for (let row = start; row < end; row++) held.push(column.read(batch, row));
      }
      this.#rows += end - start;
      start = end;
      if (this.#rows === groupRows) this.#flush();
    }
  }

  /** Writes the last rows and the footer. */
  finish(): void {
    this.#flush();
    void this.#writer.finish();
  }

  #flush(): void {
    if (this.#rows === 0) return;
    const columnData = this.#columns.map(({ name }, index) => ({ name, data: this.#held[index] as Value[] }));
    void this.#writer.write({ columnData, rowGroupSize: groupRows });
    this.#held = this.#columns.map(() => []);
    this.#rows = 0;
  }
}

// Columns that the first batch did not have, and nanoseconds.
function noteLeftOut(batch: FlowBatch, columns: readonly ParquetColumn[], leftOut: Set<string>): void {
  for (const name of printedColumns(batch)) if (!columns.some((column) => column.name === name)) leftOut.add(`column ${name}`);
  const { firstNanos, lastNanos, count } = batch;
  for (let row = 0; row < count; row++)
    if (firstNanos[row]! % 1000 !== 0 || lastNanos[row]! % 1000 !== 0) return void leftOut.add('nanoseconds');
}

const elements = {
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
} as const;

function columnsOf(sample: FlowBatch | undefined): ParquetColumn[] {
  const optional = optionalNames.filter((name) => sample?.has(name)).map(optionalColumn);
  const extra = [...(sample?.extra ?? [])].map(([name, values]) => {
    const kind: Kind = Array.isArray(values) ? 'text' : 'double';
    return { name, kind, read: (batch: FlowBatch, row: number) => extraValue(batch, name, row, kind) };
  });
  return [...fixedColumns, ...optional, ...extra];
}

function optionalColumn(column: OptionalColumn): ParquetColumn {
  const { printed, kind, Type } = optionalColumns[column];
  const value = (batch: FlowBatch, row: number): number => batch[column]?.[row] ?? 0;
  const text = (read: (batch: FlowBatch, row: number) => string | null): ParquetColumn => ({
    name: printed,
    kind: 'text',
    read: (batch, row) => (isNone(batch, row, column) ? null : read(batch, row)),
  });
  if (kind === 'address') return text((batch, row) => address(batch[column] as Uint8Array, row));
  if (kind === 'mac') return text((batch, row) => macText(value(batch, row)));
  if (kind === 'labels') return text((batch, row) => labelsText(batch[column] as Uint32Array, row));
  if (kind === 'time')
    return { name: printed, kind: 'time', read: (batch, row) => (value(batch, row) === 0 ? null : BigInt(value(batch, row)) * 1000n) };
  if (Type.BYTES_PER_ELEMENT < 4)
    return { name: printed, kind: 'int32', read: (batch, row) => (batch.has(column) ? value(batch, row) : null) };
  return { name: printed, kind: 'int64', read: (batch, row) => (batch.has(column) ? BigInt(value(batch, row)) : null) };
}

function extraValue(batch: FlowBatch, name: string, row: number, kind: Kind): Value {
  const value = batch.extra.get(name)?.[row];
  if (value === undefined || value === '' || Number.isNaN(value)) return null;
  return kind === 'text' ? String(value) : Number(value);
}

function micros(seconds: number, nanos: number): bigint {
  return BigInt(seconds * 1e6 + Math.floor(nanos / 1e3));
}

// A flow's own address: `::` is one where the flow has a family.
function endAddress({ family }: FlowBatch, column: Uint8Array, row: number): string | null {
  const kind = family[row]!;
  return kind === 0 ? null : formatAddress(column, row * 16, kind);
}

/** An address's text; null when all zero. */
function address(column: Uint8Array, row: number): string | null {
  const at = row * 16;
  let low = 0;
  for (let index = 0; index < 10; index++) low |= column[at + index]!;
  if (low === 0 && column[at + 10] === 0xff && column[at + 11] === 0xff) return formatAddress(column, at, 4);
  for (let index = 10; index < 16; index++) low |= column[at + index]!;
  return low === 0 ? null : formatAddress(column, at, 6);
}

/** Hands over what was written after each row group, and begins its buffer anew. */
class SinkWriter extends ByteWriter {
  readonly #write: (bytes: Uint8Array) => void;

  constructor(write: (bytes: Uint8Array) => void) {
    super(1 << 20);
    this.#write = write;
  }

  flush(): void {
    if (this.index > 0) this.#write(this.getBytes());
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }
}
