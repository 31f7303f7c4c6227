/**
 * Flow records as CSV and JSON lines: the names and order of the columns are part of the contract.
 * `first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as`, then the columns that the batch carries.
 * A consumer decides once, from the first batch, which further columns there are; a later batch without one prints it as zero or empty.
 */

import type { ExtraColumn, FlowBatch, OptionalColumn } from '../base/flow-batch.js';
import { RowWriter } from '../base/row-writer.js';

/** A writer of flow rows: bytes of a head, of batches, of a tail. */
export interface FlowRows {
  readonly head: (batch: FlowBatch | undefined) => Uint8Array;
  readonly rows: (batch: FlowBatch) => Uint8Array;
  readonly tail: () => Uint8Array;
}

const fixedNames = 'first,last,src,dst,sport,dport,proto,flags,tos,packets,bytes,in_if,out_if,src_as,dst_as';
const optionalNames: readonly (readonly [printed: string, column: OptionalColumn])[] = [
  ['packets_rev', 'packetsRev'],
  ['bytes_rev', 'bytesRev'],
  ['flags_rev', 'flagsRev'],
  ['vlan', 'vlan'],
  ['next_hop', 'nextHop'],
  ['exporter', 'exporter'],
  ['sampling', 'sampling'],
  ['event', 'event'],
];
const rowBytesMax = 1024;
const comma = 0x2c;

interface Chosen {
  optional: (readonly [string, OptionalColumn])[];
  extra: string[];
}

function choose(batch: FlowBatch | undefined): Chosen {
  return {
    optional: optionalNames.filter(([, column]) => batch?.has(column)),
    extra: [...(batch?.extra.keys() ?? [])],
  };
}

/** CSV with a header. `epoch`: times as epoch seconds. */
export function csvRows(epoch: boolean): FlowRows {
  const writer = new RowWriter();
  let chosen: Chosen = { optional: [], extra: [] };
  return {
    head: (batch) => {
      chosen = choose(batch);
      return Buffer.from(`${[fixedNames, ...chosen.optional.map(([name]) => name), ...chosen.extra].join(',')}\n`);
    },
    rows: (batch) => {
      for (let row = 0; row < batch.count; row++) {
        writer.reserve(rowBytesMax);
        csvFixed(writer, batch, row, epoch);
        for (const [, column] of chosen.optional) {
          writer.byte(comma);
          optionalValue(writer, batch, row, column);
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

function optionalValue(writer: RowWriter, batch: FlowBatch, row: number, name: OptionalColumn): void {
  const column = batch[name];
  if (column === undefined) {
    if (name !== 'nextHop' && name !== 'exporter') writer.byte(0x30);
  } else if (name === 'nextHop' || name === 'exporter') {
    const bytes = column as Uint8Array;
    writer.address(bytes, row * 16, familyOf(bytes, row * 16));
  } else writer.integer(column[row]!);
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
  const key = (name: string): string => `,"${name}":`;
  return {
    head: () => new Uint8Array(0),
    rows: (batch) => {
      for (let row = 0; row < batch.count; row++) {
        writer.reserve(rowBytesMax);
        jsonFixed(writer, batch, row, epoch);
        for (const [printed, column] of optionalNames) {
          if (!batch.has(column)) continue;
          const isAddress = column === 'nextHop' || column === 'exporter';
          if (isAddress && familyOf(batch[column] as Uint8Array, row * 16) === 0) continue;
          writer.ascii(key(printed));
          if (isAddress) writer.byte(0x22);
          optionalValue(writer, batch, row, column);
          if (isAddress) writer.byte(0x22);
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
