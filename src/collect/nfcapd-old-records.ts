/**
 * Records of an nfcapd block of nfdump 1.6 (layout 1): a common part, the required extensions, then those that an extension map lists.
 *
 *     map      | 0 u16 type 2 | 2 u16 size | 4 u16 map id | 6 u16 extension bytes | u16 extension ids, ended by 0 |
 *     record   | 0 u16 type 10 | 2 u16 size | 4 u16 flags | 6 u16 map id | 8 u16 first ms | 10 u16 last ms | 12 u32 first | 16 u32 last |
 *              | 20 u8 forwarding | 21 u8 tcp flags | 22 u8 proto | 23 u8 tos | 24 u16 sport | 26 u16 dport | 28 u16 exporter id | 30 u16 - |   32 bytes
 *     earlier  type 1 (to 1.6.10): | 4 u8 flags | 5 u8 exporter id |, without the last 4 bytes                                                    28 bytes
 *              | addresses: 2 u32, or 4 u64 where flag 1 | packets: u32, or u64 where flag 2 | bytes: u32, or u64 where flag 4 | extensions |
 *              flag 64 event, 128 sampled
 *
 * A map belongs to the file, and may be replaced by a later one of the same id. Facts from nfdump 1.6's file format; no code is taken from it.
 */

import type { FlowBatch, UnreadableCause } from '../base/flow-batch.js';
import { extensions } from './nfcapd-elements.js';
import { clearRow, long, putFields, putIpv4, putIpv6 } from './nfcapd-fields.js';
import { fillExporter, limit53 } from './nfcapd-records.js';
import type { NfcapdState } from './nfcapd-state.js';

const mapRecord = 2;
/** Bytes of the common part by record type. */
const commonBytes: Readonly<Record<number, number>> = { 1: 28, 10: 32 };
const none: readonly number[] = [];
const [isIpv6, hasPackets64, hasBytes64, isSampled] = [1, 2, 4, 128];

/** Takes at most `records` records from `offset` on until the batch is full or the block ends; returns where to go on. */
export function readOldRecords(
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
    const type = view.getUint16(at, isLittle);
    const common = commonBytes[type];
    if (common !== undefined) {
      const cause = fillRow(view, at, at + size, common, batch, state);
      if (cause === undefined) batch.count++;
      else {
        clearRow(batch, batch.count);
        state.lose(at, cause, 'a flow record that cannot be read');
      }
    } else if (type === mapRecord && size >= 10) state.setMap(view.getUint16(at + 4, isLittle), mapIds(view, at + 8, at + size, isLittle));
    else state.note(view, at, size);
    at += size;
  }
  return at;
}

function mapIds(view: DataView, from: number, end: number, isLittle: boolean): number[] {
  const ids: number[] = [];
  for (let at = from; at + 2 <= end; at += 2) {
    const id = view.getUint16(at, isLittle);
    if (id === 0) break;
    ids.push(id);
  }
  return ids;
}

function fillRow(
  view: DataView,
  start: number,
  end: number,
  common: number,
  batch: FlowBatch,
  state: NfcapdState,
): UnreadableCause | undefined {
  const { isLittle } = state;
  const row = batch.count;
  clearRow(batch, row);
  if (end - start < common + 16) return 'columns';
  const isEarlier = common < 32;
  const flags = isEarlier ? view.getUint8(start + 4) : view.getUint16(start + 4, isLittle);
  const exporter = isEarlier ? view.getUint8(start + 5) : view.getUint16(start + 28, isLittle);
  fillTimes(view, start, batch, row, isLittle);
  batch.flags[row] = view.getUint8(start + 21);
  batch.proto[row] = view.getUint8(start + 22);
  batch.tos[row] = view.getUint8(start + 23);
  batch.sport[row] = view.getUint16(start + 24, isLittle);
  batch.dport[row] = view.getUint16(start + 26, isLittle);
  const forwarding = view.getUint8(start + 20);
  if (forwarding !== 0) batch.add('forwarding');
  if (batch.forwarding !== undefined) batch.forwarding[row] = forwarding;
  if (exporter !== 0) batch.add('exporterId');
  if (batch.exporterId !== undefined) batch.exporterId[row] = exporter;
  let at = start + common;
  const needed = ((flags & isIpv6) !== 0 ? 32 : 8) + ((flags & hasPackets64) !== 0 ? 8 : 4) + ((flags & hasBytes64) !== 0 ? 8 : 4);
  if (at + needed > end) return 'columns';
  at = fillAddresses(view, at, (flags & isIpv6) !== 0, batch, row, isLittle);
  const hasLongPackets = (flags & hasPackets64) !== 0;
  const packets = hasLongPackets ? long(view, at, isLittle) : view.getUint32(at, isLittle);
  at += hasLongPackets ? 8 : 4;
  const hasLongBytes = (flags & hasBytes64) !== 0;
  const bytes = hasLongBytes ? long(view, at, isLittle) : view.getUint32(at, isLittle);
  at += hasLongBytes ? 8 : 4;
  if (packets > limit53 || bytes > limit53) return 'range';
  batch.packets[row] = packets;
  batch.bytes[row] = bytes;
  const ids = state.maps.get(view.getUint16(start + 6, isLittle)) ?? none;
  let hasExporter = false;
  for (let index = 0; index < ids.length; index++) {
    const id = ids[index]!;
    const extension = extensions[id];
    if (extension === undefined || at + extension.size > end) break;
    if (id === 23 || id === 24) hasExporter = true;
    putFields(extension.fields, view, at, extension.size, isLittle, batch, row);
    // The type and code of an ICMP event stand with the event.
    if (id === 37 && (batch.proto[row] === 1 || batch.proto[row] === 58)) batch.dport[row] = view.getUint16(at + 12, isLittle);
    at += extension.size;
  }
  fillExporter(batch, row, exporter, hasExporter, (flags & isSampled) !== 0, undefined, state);
  return undefined;
}

function fillTimes(view: DataView, start: number, batch: FlowBatch, row: number, isLittle: boolean): void {
  const [firstMs, lastMs] = [view.getUint16(start + 8, isLittle), view.getUint16(start + 10, isLittle)];
  batch.firstSeconds[row] = Math.min(view.getUint32(start + 12, isLittle) + Math.floor(firstMs / 1000), 0xffffffff);
  batch.firstNanos[row] = (firstMs % 1000) * 1e6;
  batch.lastSeconds[row] = Math.min(view.getUint32(start + 16, isLittle) + Math.floor(lastMs / 1000), 0xffffffff);
  batch.lastNanos[row] = (lastMs % 1000) * 1e6;
}

function fillAddresses(view: DataView, at: number, isSix: boolean, batch: FlowBatch, row: number, isLittle: boolean): number {
  if (isSix) {
    batch.family[row] = 6;
    putIpv6(batch.src, row, view, at, isLittle);
    putIpv6(batch.dst, row, view, at + 16, isLittle);
    return at + 32;
  }
  batch.family[row] = 4;
  putIpv4(batch.src, row, view.getUint32(at, isLittle));
  putIpv4(batch.dst, row, view.getUint32(at + 4, isLittle));
  return at + 8;
}
