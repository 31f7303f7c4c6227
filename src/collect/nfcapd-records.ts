/**
 * Records of an nfcapd block (layout 2): a head, then elements, each with its type and length, so that unknown ones are passed over.
 *
 *     record   | 0 u16 type 11 | 2 u16 size | 4 u16 elements | 6 u8 engine type | 7 u8 engine id | 8 u16 exporter | 10 u8 flags | 11 u8 version |
 *     element  | 0 u16 type | 2 u16 length (with these 4 bytes) | data
 *     1 flow   | u64 first ms | u64 last ms | u64 received ms | u64 packets | u64 bytes | u16 sport | u16 dport | u8 proto | u8 flags | u8 forwarding | u8 tos |
 *     2 IPv4   | u32 src | u32 dst |           3 IPv6   | 2 u64 src | 2 u64 dst |, high word first, each little-endian
 *     4 misc   | u32 in | u32 out | u8 masks, direction, tos |     5 counters | u64 flows | u64 out packets | u64 out bytes |
 *     6 vlan   | u32 src | u32 dst |           7 AS | u32 src | u32 dst |
 *     10, 11   next hop, 12, 13 exporter's address: IPv4 u32, IPv6 2 u64
 */

import type { FlowBatch, OptionalColumn, UnreadableCause } from '../base/flow-batch.js';
import type { ReadOptions } from './format.js';

/** Where a block is, for messages. */
export interface BlockPlace {
  readonly file: string;
  readonly blockOffset: number;
  readonly options: ReadOptions;
}

const flowRecord = 11;
const recordHeadBytes = 12;
const limit53 = 9007199254740992n;

/** The optional columns that nfcapd files carry. */
export const nfcapdColumns = ['packetsRev', 'bytesRev', 'vlan', 'nextHop', 'exporter'] as const satisfies readonly OptionalColumn[];

/** Appends at most `records` records from `offset` on until the batch is full or the block ends; returns where to go on. */
export function readRecords(
  data: Uint8Array,
  offset: number,
  batch: FlowBatch,
  place: BlockPlace,
  records = Number.POSITIVE_INFINITY,
): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = offset;
  for (let record = 0; record < records && at < data.length && batch.count < batch.capacity; record++) {
    const size = at + 4 <= data.length ? view.getUint16(at + 2, true) : 0;
    if (size < 4 || at + size > data.length) {
      lose(place, at, 'range', `a record of ${size} bytes in a block of ${data.length}; the rest of the block is lost`);
      return data.length;
    }
    if (view.getUint16(at, true) === flowRecord) {
      const cause = size < recordHeadBytes ? 'columns' : fillRow(view, data, at, at + size, batch, batch.count);
      if (cause === undefined) batch.count++;
      else lose(place, at, cause, 'a flow record that cannot be read');
    }
    at += size;
  }
  return at;
}

/** Counts a record of a block that cannot be read. */
export function lose(place: BlockPlace, at: number, cause: string, message: string): void {
  place.options.reject({
    file: place.file,
    offset: place.blockOffset,
    cause,
    count: 1,
    original: `record at byte ${at} of its block`,
    message,
  });
}

function fillRow(view: DataView, data: Uint8Array, start: number, end: number, batch: FlowBatch, row: number): UnreadableCause | undefined {
  clearRow(batch, row);
  const elements = view.getUint16(start + 4, true);
  let at = start + recordHeadBytes;
  let hasFlow = false;
  for (let element = 0; element < elements; element++) {
    if (at + 4 > end) return 'columns';
    const type = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (length < 4 || at + length > end) return 'columns';
    const need = leastLength[type];
    if (need !== undefined && length - 4 >= need) {
      if (type === 1) {
        const cause = fillFlow(view, at + 4, batch, row);
        if (cause !== undefined) return cause;
        hasFlow = true;
      } else fillElement(view, data, type, at + 4, batch, row);
    } else if (need !== undefined) return 'columns';
    at += length;
  }
  return hasFlow ? undefined : 'columns';
}

/** Bytes of the elements that carry a column of ours. */
const leastLength: Readonly<Record<number, number>> = { 1: 48, 2: 8, 3: 32, 4: 12, 5: 24, 6: 8, 7: 8, 10: 4, 11: 16, 12: 4, 13: 16 };

/** Empties what a record may leave out. */
export function clearRow(batch: FlowBatch, row: number): void {
  batch.family[row] = 0;
  batch.src.fill(0, row * 16, row * 16 + 16);
  batch.dst.fill(0, row * 16, row * 16 + 16);
  batch.nextHop?.fill(0, row * 16, row * 16 + 16);
  batch.exporter?.fill(0, row * 16, row * 16 + 16);
  for (const column of [batch.inIf, batch.outIf, batch.srcAs, batch.dstAs, batch.vlan, batch.packetsRev, batch.bytesRev])
    if (column !== undefined) column[row] = 0;
}

function fillFlow(view: DataView, at: number, batch: FlowBatch, row: number): UnreadableCause | undefined {
  const [first, last] = [view.getBigUint64(at, true), view.getBigUint64(at + 8, true)];
  const [packets, bytes] = [view.getBigUint64(at + 24, true), view.getBigUint64(at + 32, true)];
  if (first >= 4294967296000n || last >= 4294967296000n) return 'time';
  if (packets > limit53 || bytes > limit53) return 'range';
  const [firstMs, lastMs] = [Number(first), Number(last)];
  batch.firstSeconds[row] = Math.floor(firstMs / 1000);
  batch.firstNanos[row] = (firstMs % 1000) * 1e6;
  batch.lastSeconds[row] = Math.floor(lastMs / 1000);
  batch.lastNanos[row] = (lastMs % 1000) * 1e6;
  batch.packets[row] = Number(packets);
  batch.bytes[row] = Number(bytes);
  batch.sport[row] = view.getUint16(at + 40, true);
  batch.dport[row] = view.getUint16(at + 42, true);
  batch.proto[row] = view.getUint8(at + 44);
  batch.flags[row] = view.getUint8(at + 45);
  batch.tos[row] = view.getUint8(at + 47);
  return undefined;
}

function fillElement(view: DataView, data: Uint8Array, type: number, at: number, batch: FlowBatch, row: number): void {
  const word = (offset: number): number => view.getUint32(at + offset, true);
  if (type === 2) {
    batch.family[row] = 4;
    putIpv4(batch.src, row, word(0));
    putIpv4(batch.dst, row, word(4));
  } else if (type === 3) {
    batch.family[row] = 6;
    putIpv6(batch.src, row, data, at);
    putIpv6(batch.dst, row, data, at + 16);
  } else if (type === 4) {
    batch.inIf[row] = word(0);
    batch.outIf[row] = word(4);
  } else if (type === 5) {
    if (batch.packetsRev !== undefined) batch.packetsRev[row] = Number(view.getBigUint64(at + 8, true));
    if (batch.bytesRev !== undefined) batch.bytesRev[row] = Number(view.getBigUint64(at + 16, true));
  } else if (type === 6) {
    if (batch.vlan !== undefined) batch.vlan[row] = word(0);
  } else if (type === 7) {
    batch.srcAs[row] = word(0);
    batch.dstAs[row] = word(4);
  } else {
    const column = type < 12 ? batch.nextHop : batch.exporter;
    if (column === undefined) return;
    if (type % 2 === 1) putIpv6(column, row, data, at);
    else if (word(0) !== 0) putIpv4(column, row, word(0));
  }
}

/** An IPv4 address from its number. */
export function putIpv4(column: Uint8Array, row: number, address: number): void {
  const at = row * 16;
  column.fill(0, at, at + 10);
  column[at + 10] = 0xff;
  column[at + 11] = 0xff;
  for (let byte = 0; byte < 4; byte++) column[at + 12 + byte] = address >>> (24 - byte * 8);
}

/** An IPv6 address from two words of 8 bytes, each with its bytes turned round. */
export function putIpv6(column: Uint8Array, row: number, data: Uint8Array, at: number): void {
  for (let byte = 0; byte < 8; byte++) {
    column[row * 16 + byte] = data[at + 7 - byte]!;
    column[row * 16 + 8 + byte] = data[at + 15 - byte]!;
  }
}
