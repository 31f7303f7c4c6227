/**
 * Records of an nfcapd block (layout 2): a head, then elements, each with its type and length, so that unknown ones are passed over.
 *
 *     record   | 0 u16 type 11 | 2 u16 size | 4 u16 elements | 6 u8 engine type | 7 u8 engine id | 8 u16 exporter id | 10 u8 flags | 11 u8 version |
 *              flags: 1 event, 2 sampled
 *     element  | 0 u16 type | 2 u16 length (with these 4 bytes) | data
 *     1 flow   | u64 first ms | u64 last ms | u64 received ms | u64 packets | u64 bytes | u16 sport | u16 dport | u8 proto | u8 flags | u8 forwarding | u8 tos |
 *     2 IPv4   | u32 src | u32 dst |           3 IPv6   | 2 u64 src | 2 u64 dst |, high word first
 *     4 misc   | u32 in | u32 out | ...        5 counters | u64 flows | u64 out packets | u64 out bytes |
 *     6 vlan   | u32 src | u32 dst |           7 AS | u32 src | u32 dst |
 *     10, 11   next hop, 12, 13 exporter's address: IPv4 u32, IPv6 2 u64       18 sampler   | u64 id | u16 exporter id |, in 1.7.1 | i32 id | ...
 *     others   nfcapd-elements.ts
 */

import type { FlowBatch, OptionalColumn, UnreadableCause } from '../base/flow-batch.js';
import { elementFields, type Field, firstNatFields } from './nfcapd-elements.js';
import { clearRow, endMs, long, putFields, putIpv4, putIpv6 } from './nfcapd-fields.js';
import type { NfcapdState } from './nfcapd-state.js';

export const flowRecord = 11;
const recordHeadBytes = 12;
const isSampled = 2;
export const limit53 = 9007199254740992;

/** The optional columns that every batch of nfcapd has. */
export const nfcapdColumns = [
  'packetsRev',
  'bytesRev',
  'vlan',
  'nextHop',
  'exporter',
  'received',
] as const satisfies readonly OptionalColumn[];

/** Takes at most `records` records from `offset` on until the batch is full or the block ends; returns where to go on. */
export function readRecords(
  data: Uint8Array,
  offset: number,
  batch: FlowBatch,
  state: NfcapdState,
  records = Number.POSITIVE_INFINITY,
): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { isLittle } = state;
  let at = offset;
  for (let record = 0; record < records && at < data.length && batch.count < batch.capacity; record++) {
    const size = at + 4 <= data.length ? view.getUint16(at + 2, isLittle) : 0;
    if (size < 4 || at + size > data.length) {
      state.lose(at, 'range', `a record of ${size} bytes in a block of ${data.length}; the rest of the block is lost`);
      return data.length;
    }
    if (view.getUint16(at, isLittle) !== flowRecord) state.note(view, at, size);
    else {
      const cause = size < recordHeadBytes ? 'columns' : fillRow(view, at, at + size, batch, state);
      if (cause === undefined) batch.count++;
      else {
        clearRow(batch, batch.count);
        state.lose(at, cause, 'a flow record that cannot be read');
      }
    }
    at += size;
  }
  return at;
}

function fillRow(view: DataView, start: number, end: number, batch: FlowBatch, state: NfcapdState): UnreadableCause | undefined {
  const { isLittle } = state;
  const row = batch.count;
  clearRow(batch, row);
  const elements = view.getUint16(start + 4, isLittle);
  let at = start + recordHeadBytes;
  let hasFlow = false;
  let hasExporter = false;
  let sampler: string | undefined;
  for (let element = 0; element < elements; element++) {
    if (at + 4 > end) return 'columns';
    const type = view.getUint16(at, isLittle);
    const length = view.getUint16(at + 2, isLittle);
    if (length < 4 || at + length > end || length - 4 < (leastLength[type] ?? 0)) return 'columns';
    const data = at + 4;
    if (type === 1) {
      const cause = fillFlow(view, data, batch, row, state);
      if (cause !== undefined) return cause;
      hasFlow = true;
    } else if (type === 18 && length >= 8)
      sampler = String(length >= 20 ? view.getBigInt64(data, isLittle) : view.getInt32(data, isLittle));
    else fillElement(view, type, data, isLittle, batch, row);
    if (type === 12 || type === 13) hasExporter = true;
    const fields = type === 0 ? undefined : fieldsOf(type, length - 4);
    if (fields !== undefined) putFields(fields, view, data, length - 4, isLittle, batch, row);
    at += length;
  }
  putFields(elementFields[0] as readonly Field[], view, start, recordHeadBytes, isLittle, batch, row);
  const exporter = view.getUint16(start + 8, isLittle);
  fillExporter(batch, row, exporter, hasExporter, (view.getUint8(start + 10) & isSampled) !== 0, sampler, state);
  return hasFlow ? undefined : 'columns';
}

/** What stands with the exporter and not with the flow: its address, the sampling rate. */
export function fillExporter(
  batch: FlowBatch,
  row: number,
  exporter: number,
  hasExporter: boolean,
  isSampled: boolean,
  sampler: string | undefined,
  state: NfcapdState,
): void {
  if (!hasExporter && exporter !== 0) batch.exporter?.set(state.exporters.subarray(exporter * 16, exporter * 16 + 16), row * 16);
  const rate = isSampled ? state.rateOf(exporter, sampler) : 0;
  if (rate < 2) return;
  batch.add('sampling');
  (batch.sampling as Uint32Array)[row] = rate;
}

function fieldsOf(type: number, size: number): readonly Field[] | undefined {
  return type === 25 && size >= 24 ? firstNatFields : elementFields[type];
}

/** Bytes of the elements that every reader knows. */
const leastLength: Readonly<Record<number, number>> = { 1: 48, 2: 8, 3: 32, 4: 12, 5: 24, 6: 8, 7: 8, 10: 4, 11: 16, 12: 4, 13: 16 };

function fillFlow(view: DataView, at: number, batch: FlowBatch, row: number, state: NfcapdState): UnreadableCause | undefined {
  const { isLittle } = state;
  const [packets, bytes] = [long(view, at + 24, isLittle), long(view, at + 32, isLittle)];
  if (packets > limit53 || bytes > limit53) return 'range';
  const [first, last] = [long(view, at, isLittle), long(view, at + 8, isLittle)];
  const [firstMs, lastMs] = [heldMs(first), heldMs(last)];
  if (firstMs !== first || lastMs !== last) state.timesMoved++;
  batch.firstSeconds[row] = Math.floor(firstMs / 1000);
  batch.firstNanos[row] = (firstMs % 1000) * 1e6;
  batch.lastSeconds[row] = Math.floor(lastMs / 1000);
  batch.lastNanos[row] = (lastMs % 1000) * 1e6;
  if (batch.received !== undefined) batch.received[row] = heldMs(long(view, at + 16, isLittle));
  batch.packets[row] = packets;
  batch.bytes[row] = bytes;
  batch.sport[row] = view.getUint16(at + 40, isLittle);
  batch.dport[row] = view.getUint16(at + 42, isLittle);
  batch.proto[row] = view.getUint8(at + 44);
  batch.flags[row] = view.getUint8(at + 45);
  batch.tos[row] = view.getUint8(at + 47);
  return undefined;
}

// Exporters without a clock leave times before 1970, which are large numbers here.
function heldMs(ms: number): number {
  return ms < endMs ? ms : ms >= 2 ** 63 ? 0 : endMs - 1;
}

function fillElement(view: DataView, type: number, at: number, isLittle: boolean, batch: FlowBatch, row: number): void {
  const word = (offset: number): number => view.getUint32(at + offset, isLittle);
  if (type === 2) {
    batch.family[row] = 4;
    putIpv4(batch.src, row, word(0));
    putIpv4(batch.dst, row, word(4));
  } else if (type === 3) {
    batch.family[row] = 6;
    putIpv6(batch.src, row, view, at, isLittle);
    putIpv6(batch.dst, row, view, at + 16, isLittle);
  } else if (type === 4) {
    batch.inIf[row] = word(0);
    batch.outIf[row] = word(4);
  } else if (type === 5) {
    if (batch.packetsRev !== undefined) batch.packetsRev[row] = long(view, at + 8, isLittle);
    if (batch.bytesRev !== undefined) batch.bytesRev[row] = long(view, at + 16, isLittle);
  } else if (type === 6) {
    if (batch.vlan !== undefined) batch.vlan[row] = word(0);
  } else if (type === 7) {
    batch.srcAs[row] = word(0);
    batch.dstAs[row] = word(4);
  } else if (type >= 10 && type <= 13) {
    const column = type < 12 ? batch.nextHop : batch.exporter;
    if (column === undefined) return;
    if (type % 2 === 1) putIpv6(column, row, view, at, isLittle);
    else if (word(0) !== 0) putIpv4(column, row, word(0));
  }
}
