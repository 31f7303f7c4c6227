/**
 * The 15-column flow CSV of university NetFlow dumps, without a header:
 *
 *     start,end,srcIP,dstIP,srcPort,dstPort,proto,TOS,TCPflags,packets,bytes,router_in,router_out,src_ASN,dst_ASN
 *
 * Times are epoch seconds with decimals. For ICMP (1), ICMPv6 (58) and IGMP (2) dstPort is `type.code`. TCPflags is a number or
 * nfdump's letters (`...AP.SF`). Blanks around fields are trimmed; empty lines and repeated header lines are skipped.
 * Column order as in the UONetflow dumps of the University of Oregon.
 */

import { defaultBatchRows, FlowBatch, type UnreadableCause } from '../base/flow-batch.js';
import type { FlowFormat, Input, ReadOptions } from './format.js';
import { lineRuns } from './lines.js';
import { outOfRange, RowParser } from './row-parser.js';

export const universityCsv: FlowFormat = { name: '15-column CSV', detect, read };

const columnNames = 'start,end,srcIP,dstIP,srcPort,dstPort,proto,TOS,TCPflags,packets,bytes,router_in,router_out,src_ASN,dst_ASN';
const limit53 = 9007199254740992;

/** Whether some line among the first has 15 columns of which the first two are times, or is the header. */
function detect(head: Uint8Array): boolean {
  const lines = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 16384)).toString('latin1').split('\n').slice(0, 30);
  return lines.some((line) => {
    const fields = line.split(',').map((field) => field.trim());
    if (fields.length < 10) return false;
    return line.trim() === columnNames || (fields.length === 15 && fields.slice(0, 2).every((field) => /^\d+(\.\d+)?$/.test(field)));
  });
}

async function* read(input: Input, options: ReadOptions): AsyncGenerator<FlowBatch, number> {
  const row = new RowParser();
  let batch = emptyBatch(options);
  let line = 0;
  let rows = 0;
  let fault: { error: unknown } | undefined;
  try {
    for await (const { bytes, start, end } of lineRuns(input.chunks())) {
      let at = start;
      while (at < end) {
        let stop = bytes.indexOf(0x0a, at);
        if (stop < 0 || stop > end) stop = end;
        const next = stop + 1;
        if (stop > at && bytes[stop - 1] === 0x0d) stop--;
        line++;
        row.open(bytes, at, stop);
        if (!row.atEnd() && !isHeader(bytes, row.at)) {
          rows++;
          const cause = parseRow(row, batch, batch.count);
          if (cause === undefined) {
            batch.place[batch.count] = line;
            if (batch.originals !== undefined) batch.originals[batch.count] = Buffer.from(bytes.subarray(at, stop)).toString('utf8');
            batch.number[batch.count++] = options.numberBefore + rows;
            if (batch.count === batch.capacity) {
              yield batch;
              batch = emptyBatch(options);
            }
          } else rejectRow(input.file, line, bytes.subarray(at, stop), cause, options);
        }
        at = next;
      }
    }
  } catch (error) {
    // A damaged stream: the rows before the damage count.
    fault = { error };
  }
  if (batch.count > 0) yield batch;
  if (fault !== undefined) throw fault.error;
  return rows;
}

function emptyBatch(options: ReadOptions): FlowBatch {
  const batch = new FlowBatch(defaultBatchRows);
  if (options.keepOriginals) batch.originals = [];
  return batch;
}

/** A line that begins with the word `start,`. */
function isHeader(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x73 && bytes[at + 1] === 0x74 && bytes[at + 2] === 0x61 && bytes[at + 3] === 0x72 && bytes[at + 4] === 0x74;
}

const expectations: Record<UnreadableCause, string> = {
  columns: `expected 15 columns: ${columnNames}`,
  number: 'expected digits (TCPflags: digits or letters like ...AP.SF)',
  time: 'expected epoch seconds with up to nine decimals',
  address: 'expected an IPv4 or IPv6 address',
  family: 'source and destination are of different address families',
  port: 'expected a port from 0 to 65535',
  icmp: 'expected type.code for ICMP, ICMPv6 and IGMP',
  range: 'a number is larger than its field (counters: 2^53)',
};

function rejectRow(file: string, line: number, bytes: Uint8Array, cause: UnreadableCause, options: ReadOptions): void {
  const original = Buffer.from(bytes.subarray(0, 4096)).toString('utf8');
  options.reject({ file, line, cause, count: 1, original, message: expectations[cause] });
}

function parseRow(row: RowParser, batch: FlowBatch, index: number): UnreadableCause | undefined {
  const start = row.at;
  const cause = parseFields(row, batch, index);
  if (cause === undefined) return undefined;
  let commas = 0;
  for (let at = start; at < row.end; at++) if (row.bytes[at] === 0x2c) commas++;
  return commas === 14 ? cause : 'columns';
}

function parseFields(row: RowParser, batch: FlowBatch, index: number): UnreadableCause | undefined {
  const first = row.seconds();
  if (first < 0) return 'time';
  batch.firstSeconds[index] = first;
  batch.firstNanos[index] = row.nanos;
  if (!row.separator()) return 'columns';
  const last = row.seconds();
  if (last < 0) return 'time';
  batch.lastSeconds[index] = last;
  batch.lastNanos[index] = row.nanos;
  if (!row.separator()) return 'columns';
  const family = row.address(batch.src, index * 16);
  if (family === 0) return 'address';
  if (!row.separator()) return 'columns';
  const otherFamily = row.address(batch.dst, index * 16);
  if (otherFamily === 0) return 'address';
  if (family !== otherFamily) return 'family';
  batch.family[index] = family;
  if (!row.separator()) return 'columns';
  const sport = row.integer(65535);
  if (sport < 0) return 'port';
  batch.sport[index] = sport;
  if (!row.separator()) return 'columns';
  return parsePortAndRest(row, batch, index);
}

function parsePortAndRest(row: RowParser, batch: FlowBatch, index: number): UnreadableCause | undefined {
  const portAt = row.at;
  const { bytes, end } = row;
  let at = portAt;
  while (at < end && bytes[at] !== 0x2c) at++;
  row.at = at;
  if (!row.separator()) return 'columns';
  const proto = row.integer(255);
  if (proto < 0) return proto === outOfRange ? 'range' : 'number';
  batch.proto[index] = proto;
  const afterProto = row.at;
  row.at = portAt;
  const dport = proto === 1 || proto === 58 || proto === 2 ? typeAndCode(row) : row.integer(65535);
  if (dport < 0) return proto === 1 || proto === 58 || proto === 2 ? 'icmp' : 'port';
  batch.dport[index] = dport;
  row.at = afterProto;
  if (!row.separator()) return 'columns';
  const tos = row.integer(255);
  if (tos < 0) return tos === outOfRange ? 'range' : 'number';
  batch.tos[index] = tos;
  if (!row.separator()) return 'columns';
  const flags = tcpFlags(row);
  if (flags < 0) return flags === outOfRange ? 'range' : 'number';
  batch.flags[index] = flags;
  if (!row.separator()) return 'columns';
  return parseCounters(row, batch, index);
}

function parseCounters(row: RowParser, batch: FlowBatch, index: number): UnreadableCause | undefined {
  const columns = [batch.packets, batch.bytes, batch.inIf, batch.outIf, batch.srcAs, batch.dstAs];
  for (let column = 0; column < 6; column++) {
    if (column > 0 && !row.separator()) return 'columns';
    const value = row.integer(column < 2 ? limit53 : 0xffffffff);
    if (value < 0) return value === outOfRange ? 'range' : 'number';
    columns[column]![index] = value;
  }
  return row.atEnd() ? undefined : 'columns';
}

/** `type.code`, each 0 to 255, to type*256+code; negative when it is not. */
export function typeAndCode(row: RowParser): number {
  const { bytes, end } = row;
  let at = row.at;
  let type = 0;
  let code = 0;
  let digits = 0;
  for (; at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39; at++, digits++) type = type * 10 + bytes[at]! - 0x30;
  if (digits === 0 || digits > 3 || type > 255 || bytes[at] !== 0x2e) return -1;
  at++;
  for (digits = 0; at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39; at++, digits++) code = code * 10 + bytes[at]! - 0x30;
  row.at = at;
  if (digits === 0 || digits > 3 || code > 255) return -1;
  row.skipBlanks();
  return row.at >= end || bytes[row.at] === 0x2c ? type * 256 + code : -1;
}

const flagLetters: Readonly<Record<string, number>> = { C: 128, E: 64, U: 32, A: 16, P: 8, R: 4, S: 2, F: 1, '.': 0 };

/** TCP flags: a number to 255, or nfdump's letters. */
export function tcpFlags(row: RowParser): number {
  const byte = row.bytes[row.at] ?? 0;
  if (byte >= 0x30 && byte <= 0x39) return row.integer(255);
  const text = row.text();
  if (text.length === 0 || text.length > 8) return -1;
  let flags = 0;
  for (const letter of text) {
    const bit = flagLetters[letter];
    if (bit === undefined) return -1;
    flags |= bit;
  }
  return flags;
}
