/**
 * Flow records as CSV and JSON lines: the names and order of the columns are part of the contract.
 * `first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as`, then the columns that the batch carries.
 * CSV decides once, from the first batch, which further columns there are; a later batch without one prints it as zero or empty, and what only
 * later ones have is told as left out.
 */

import type { ExtraColumn, FlowBatch } from '../base/flow-batch.js';
import { isPlain, type OptionalColumn, optionalColumns, optionalNames } from '../base/flow-columns.js';
import { RowWriter } from '../base/row-writer.js';

/** A writer of flow rows: bytes of a head, of batches, of a tail. */
export interface FlowRows {
  readonly head: (batch: FlowBatch | undefined) => Uint8Array;
  readonly rows: (batch: FlowBatch) => Uint8Array;
  readonly tail: () => Uint8Array;
  /** Columns that came after the head was written and are not in the rows. */
  readonly leftOut?: ReadonlySet<string>;
}

/** Printed names of the columns of a batch behind those that every batch has. */
export function printedColumns(batch: FlowBatch): string[] {
  return [...optionalNames.flatMap((name) => (batch.has(name) ? [optionalColumns[name].printed] : [])), ...batch.extra.keys()];
}

const fixedNames = 'first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as';
const rowBytesMax = 4096;
const comma = 0x2c;

interface Chosen {
  optional: OptionalColumn[];
  extra: string[];
}

function choose(batch: FlowBatch | undefined): Chosen {
  return {
    optional: optionalNames.filter((name) => batch?.has(name)),
    extra: [...(batch?.extra.keys() ?? [])],
  };
}

/** CSV with a header. `epoch`: times as epoch seconds. */
export function csvRows(epoch: boolean): FlowRows {
  const writer = new RowWriter();
  let chosen: Chosen = { optional: [], extra: [] };
  let printed: ReadonlySet<string> = new Set();
  const leftOut = new Set<string>();
  return {
    leftOut,
    head: (batch) => {
      chosen = choose(batch);
      printed = new Set(batch === undefined ? [] : printedColumns(batch));
      return Buffer.from(`${[fixedNames, ...chosen.optional.map((name) => optionalColumns[name].printed), ...chosen.extra].join(',')}\n`);
    },
    rows: (batch) => {
      for (const name of printedColumns(batch)) if (!printed.has(name)) leftOut.add(name);
      const cells = chosen.optional.map((name) => optionalWriter(writer, batch, name, epoch));
      for (let row = 0; row < batch.count; row++) {
        writer.reserve(rowBytesMax);
        csvFixed(writer, batch, row, epoch);
        for (const cell of cells) {
          writer.byte(comma);
          cell(row);
        }
        for (const name of chosen.extra) {
          writer.byte(comma);
          const value = extraValue(batch.extra.get(name), row);
          if (value !== undefined) writer.text(quoteCsv(String(value)));
        }
        writer.byte(0x0a);
      }
      return writer.take();
    },
    tail: () => new Uint8Array(0),
  };
}

function csvFixed(writer: RowWriter, batch: FlowBatch, row: number, epoch: boolean): void {
  const first = batch.firstSeconds[row]!;
  const last = batch.lastSeconds[row]!;
  if (epoch) writer.epoch(first, batch.firstNanos[row]!);
  else writer.time(first, batch.firstNanos[row]!);
  writer.byte(comma);
  if (epoch) writer.epoch(last, batch.lastNanos[row]!);
  else writer.time(last, batch.lastNanos[row]!);
  writer.byte(comma);
  const family = batch.family[row]!;
  writer.address(batch.src, row * 16, family);
  writer.byte(comma);
  writer.address(batch.dst, row * 16, family);
  writer.byte(comma);
  writer.integer(batch.sport[row]!);
  writer.byte(comma);
  writer.integer(batch.dport[row]!);
  writer.byte(comma);
  writer.integer(batch.proto[row]!);
  writer.byte(comma);
  writer.integer(batch.flags[row]!);
  writer.byte(comma);
  writer.integer(batch.tos[row]!);
  writer.byte(comma);
  writer.integer(batch.packets[row]!);
  writer.byte(comma);
  writer.integer(batch.bytes[row]!);
  writer.byte(comma);
  writer.integer(batch.inIf[row]!);
  writer.byte(comma);
  writer.integer(batch.outIf[row]!);
  writer.byte(comma);
  writer.integer(batch.srcAs[row]!);
  writer.byte(comma);
  writer.integer(batch.dstAs[row]!);
}

/** Family of 16 bytes that may be unknown (all zero: 0). */
function familyOf(bytes: Uint8Array, offset: number): 0 | 4 | 6 {
  let any = 0;
  for (let index = 0; index < 10; index++) any |= bytes[offset + index]!;
  if (any === 0 && bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff) return 4;
  for (let index = 10; index < 16; index++) any |= bytes[offset + index]!;
  return any === 0 ? 0 : 6;
}

/** Writes a row's value of one column. */
type CellWriter = (row: number) => void;

// What a column is decided once a batch; what is none stays empty, but for numbers.
function optionalWriter(writer: RowWriter, batch: FlowBatch, name: OptionalColumn, epoch: boolean): CellWriter {
  const column = batch[name];
  const { kind } = optionalColumns[name];
  if (column === undefined) return kind === 'number' ? () => writer.byte(0x30) : () => undefined;
  if (kind === 'number') return (row) => writer.integer(column[row]!);
  if (kind === 'time') return (row) => (column[row] === 0 ? undefined : instant(writer, column[row]!, epoch));
  if (kind === 'mac') return (row) => (column[row] === 0 ? undefined : writer.ascii(macText(column[row]!)));
  if (kind === 'labels') return (row) => (isNone(batch, row, name) ? undefined : writer.ascii(labelsText(column as Uint32Array, row)));
  const bytes = column as Uint8Array;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, batch.count * 4);
  return (row) => {
    const at = row * 4;
    if ((words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0) return;
    writer.address(bytes, row * 16, familyOf(bytes, row * 16));
  };
}

function instant(writer: RowWriter, ms: number, epoch: boolean): void {
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms - seconds * 1000) * 1e6;
  if (epoch) writer.epoch(seconds, nanos);
  else writer.time(seconds, nanos);
}

/** Whether a row has no value in an optional column. */
export function isNone(batch: FlowBatch, row: number, name: OptionalColumn): boolean {
  const column = batch[name];
  if (column === undefined) return true;
  const { width } = optionalColumns[name];
  for (let at = row * width; at < (row + 1) * width; at++) if (column[at] !== 0) return false;
  return true;
}

/** A MAC address from its number. */
export function macText(mac: number): string {
  const digits = mac.toString(16).padStart(12, '0').slice(-12);
  return digits.replace(/..(?!$)/g, '$&:');
}

/** MPLS labels from the top of the stack: `label-experimental-end`, apart by blanks. */
export function labelsText(column: Uint32Array, row: number): string {
  const words = [...column.subarray(row * 10, row * 10 + 10)];
  const last = words.findLastIndex((word) => word !== 0);
  return words
    .slice(0, last + 1)
    .map((word) => `${word >>> 4}-${(word >>> 1) & 7}-${word & 1}`)
    .join(' ');
}

function extraValue(column: ExtraColumn | undefined, row: number): string | number | undefined {
  const value = column?.[row];
  return typeof value === 'number' && Number.isNaN(value) ? undefined : value;
}

function quoteCsv(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** JSON, one object a line, with the names of the CSV. */
export function jsonRows(epoch: boolean): FlowRows {
  const writer = new RowWriter();
  const keys = Object.fromEntries(optionalNames.map((name) => [name, `,"${optionalColumns[name].printed}":`])) as Record<
    OptionalColumn,
    string
  >;
  return {
    head: () => new Uint8Array(0),
    rows: (batch) => {
      const names = optionalNames.filter((name) => batch.has(name));
      const cells = names.map((name) => optionalWriter(writer, batch, name, epoch));
      for (let row = 0; row < batch.count; row++) {
        writer.reserve(rowBytesMax);
        jsonFixed(writer, batch, row, epoch);
        for (const [index, name] of names.entries()) {
          const { kind } = optionalColumns[name];
          if ((kind !== 'number' || !isPlain(name)) && isNone(batch, row, name)) continue;
          writer.ascii(keys[name]);
          const isText = kind !== 'number' && !(kind === 'time' && epoch);
          if (isText) writer.byte(0x22);
          cells[index]?.(row);
          if (isText) writer.byte(0x22);
        }
        for (const [name, column] of batch.extra) {
          const value = extraValue(column, row);
          if (value === undefined || value === '') continue;
          writer.text(`,${JSON.stringify(name)}:${JSON.stringify(value)}`);
          writer.reserve(rowBytesMax);
        }
        writer.ascii('}\n');
      }
      return writer.take();
    },
    tail: () => new Uint8Array(0),
  };
}

function jsonFixed(writer: RowWriter, batch: FlowBatch, row: number, epoch: boolean): void {
  writer.ascii('{"first":');
  jsonTime(writer, batch.firstSeconds[row]!, batch.firstNanos[row]!, epoch);
  writer.ascii(',"last":');
  jsonTime(writer, batch.lastSeconds[row]!, batch.lastNanos[row]!, epoch);
  const family = batch.family[row]!;
  writer.ascii(',"src":"');
  writer.address(batch.src, row * 16, family);
  writer.ascii('","dst":"');
  writer.address(batch.dst, row * 16, family);
  writer.ascii('","sport":');
  writer.integer(batch.sport[row]!);
  writer.ascii(',"dport":');
  writer.integer(batch.dport[row]!);
  writer.ascii(',"proto":');
  writer.integer(batch.proto[row]!);
  writer.ascii(',"flags":');
  writer.integer(batch.flags[row]!);
  writer.ascii(',"tos":');
  writer.integer(batch.tos[row]!);
  writer.ascii(',"packets":');
  writer.integer(batch.packets[row]!);
  writer.ascii(',"bytes":');
  writer.integer(batch.bytes[row]!);
  writer.ascii(',"in_if":');
  writer.integer(batch.inIf[row]!);
  writer.ascii(',"out_if":');
  writer.integer(batch.outIf[row]!);
  writer.ascii(',"src_as":');
  writer.integer(batch.srcAs[row]!);
  writer.ascii(',"dst_as":');
  writer.integer(batch.dstAs[row]!);
}

function jsonTime(writer: RowWriter, seconds: number, nanos: number, epoch: boolean): void {
  if (epoch) {
    writer.epoch(seconds, nanos);
    return;
  }
  writer.byte(0x22);
  writer.time(seconds, nanos);
  writer.byte(0x22);
}
