/**
 * Records of an nfcapd block of nfdump 1.6 (layout 1): a common part, the required extensions, then those that an extension map lists.
 *
 *     map      | 0 u16 type 2 | 2 u16 size | 4 u16 map id | 6 u16 extension bytes | u16 extension ids, ended by 0 |
 *     record   | 0 u16 type 10 | 2 u16 size | 4 u16 flags | 6 u16 map id | 8 u16 first ms | 10 u16 last ms | 12 u32 first | 16 u32 last |
 *              | 20 u8 forwarding | 21 u8 tcp flags | 22 u8 proto | 23 u8 tos | 24 u16 sport | 26 u16 dport | 28 u16 exporter | 30 u16 - |   32 bytes
 *              | addresses: 2 u32, or 4 u64 where flag 1 | packets: u32, or u64 where flag 2 | bytes: u32, or u64 where flag 4 | extensions |
 *
 * A map belongs to the file, and may be replaced by a later one of the same id. Facts from nfdump 1.6's file format; no code is taken from it.
 */

import type { FlowBatch, UnreadableCause } from '../base/flow-batch.js';
import { type BlockPlace, clearRow, lose, putIpv4, putIpv6 } from './nfcapd-records.js';

const mapRecord = 2;
const flowRecord = 10;
const commonBytes = 32;
const [isIpv6, hasPackets64, hasBytes64] = [1, 2, 4];
const limit53 = 9007199254740992n;

/** Bytes of the extensions, by id; one that is not here ends what is read of a record. */
const extensionBytes: Readonly<Record<number, number>> = {
  4: 4,
  5: 8,
  6: 4,
  7: 8,
  8: 4,
  9: 4,
  10: 16,
  11: 4,
  12: 16,
  13: 4,
  14: 4,
  15: 8,
  16: 4,
  17: 8,
  18: 4,
  19: 8,
  20: 16,
  21: 16,
  22: 40,
  23: 4,
  24: 16,
  25: 4,
  26: 8,
  27: 8,
};

/** Extension ids by map id. */
export type ExtensionMaps = Map<number, readonly number[]>;

/** Appends records from `offset` on until the batch is full or the block ends; returns where to go on. */
export function readOldRecords(data: Uint8Array, offset: number, batch: FlowBatch, place: BlockPlace, maps: ExtensionMaps): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = offset;
  while (at < data.length && batch.count < batch.capacity) {
    const size = at + 4 <= data.length ? view.getUint16(at + 2, true) : 0;
    if (size < 4 || at + size > data.length) {
      lose(place, at, 'range', `a record of ${size} bytes in a block of ${data.length}; the rest of the block is lost`);
      return data.length;
    }
    const type = view.getUint16(at, true);
    if (type === mapRecord && size >= 10) maps.set(view.getUint16(at + 4, true), mapIds(view, at + 8, at + size));
    else if (type === flowRecord) {
      const cause = fillRow(view, data, at, at + size, batch, batch.count, maps);
      if (cause === undefined) batch.count++;
      else lose(place, at, cause, 'a flow record that cannot be read');
    }
    at += size;
  }
  return at;
}

function mapIds(view: DataView, from: number, end: number): number[] {
  const ids: number[] = [];
  for (let at = from; at + 2 <= end; at += 2) {
    const id = view.getUint16(at, true);
    if (id === 0) break;
    ids.push(id);
  }
  return ids;
}

function fillRow(
  view: DataView,
  data: Uint8Array,
  start: number,
  end: number,
  batch: FlowBatch,
  row: number,
  maps: ExtensionMaps,
): UnreadableCause | undefined {
  clearRow(batch, row);
  if (end - start < commonBytes + 16) return 'columns';
  const flags = view.getUint16(start + 4, true);
  const [firstMs, lastMs] = [view.getUint16(start + 8, true), view.getUint16(start + 10, true)];
  batch.firstSeconds[row] = view.getUint32(start + 12, true) + Math.floor(firstMs / 1000);
  batch.firstNanos[row] = (firstMs % 1000) * 1e6;
  batch.lastSeconds[row] = view.getUint32(start + 16, true) + Math.floor(lastMs / 1000);
  batch.lastNanos[row] = (lastMs % 1000) * 1e6;
  batch.flags[row] = view.getUint8(start + 21);
  batch.proto[row] = view.getUint8(start + 22);
  batch.tos[row] = view.getUint8(start + 23);
  batch.sport[row] = view.getUint16(start + 24, true);
  batch.dport[row] = view.getUint16(start + 26, true);
  let at = start + commonBytes;
  const needed = ((flags & isIpv6) !== 0 ? 32 : 8) + ((flags & hasPackets64) !== 0 ? 8 : 4) + ((flags & hasBytes64) !== 0 ? 8 : 4);
  if (at + needed > end) return 'columns';
  at = fillAddresses(view, data, at, flags, batch, row);
  for (const [column, flag] of [
    [batch.packets, hasPackets64],
    [batch.bytes, hasBytes64],
  ] as const) {
    const isLong = (flags & flag) !== 0;
    const value = isLong ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    if (value > limit53) return 'range';
    column[row] = Number(value);
    at += isLong ? 8 : 4;
  }
  for (const id of maps.get(view.getUint16(start + 6, true)) ?? []) {
    const size = extensionBytes[id];
    if (size === undefined || at + size > end) break;
    fillExtension(view, data, id, at, batch, row);
    at += size;
  }
  return undefined;
}

function fillAddresses(view: DataView, data: Uint8Array, at: number, flags: number, batch: FlowBatch, row: number): number {
  if ((flags & isIpv6) !== 0) {
    batch.family[row] = 6;
    putIpv6(batch.src, row, data, at);
    putIpv6(batch.dst, row, data, at + 16);
    return at + 32;
  }
  batch.family[row] = 4;
  putIpv4(batch.src, row, view.getUint32(at, true));
  putIpv4(batch.dst, row, view.getUint32(at + 4, true));
  return at + 8;
}

function fillExtension(view: DataView, data: Uint8Array, id: number, at: number, batch: FlowBatch, row: number): void {
  const short = (offset: number): number => view.getUint16(at + offset, true);
  const word = (offset: number): number => view.getUint32(at + offset, true);
  if (id === 4) [batch.inIf[row], batch.outIf[row]] = [short(0), short(2)];
  else if (id === 5) [batch.inIf[row], batch.outIf[row]] = [word(0), word(4)];
  else if (id === 6) [batch.srcAs[row], batch.dstAs[row]] = [short(0), short(2)];
  else if (id === 7) [batch.srcAs[row], batch.dstAs[row]] = [word(0), word(4)];
  else if (id === 13 && batch.vlan !== undefined) batch.vlan[row] = short(0);
  else if (id === 14 && batch.packetsRev !== undefined) batch.packetsRev[row] = word(0);
  else if (id === 15 && batch.packetsRev !== undefined) batch.packetsRev[row] = Number(view.getBigUint64(at, true));
  else if (id === 16 && batch.bytesRev !== undefined) batch.bytesRev[row] = word(0);
  else if (id === 17 && batch.bytesRev !== undefined) batch.bytesRev[row] = Number(view.getBigUint64(at, true));
  else if (id === 9 || id === 10 || id === 23 || id === 24) {
    const column = id < 20 ? batch.nextHop : batch.exporter;
    if (column === undefined) return;
    if (id % 2 === 0) putIpv6(column, row, data, at);
    else if (word(0) !== 0) putIpv4(column, row, word(0));
  }
}
