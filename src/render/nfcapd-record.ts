/**
 * One flow as a record of nfcapd's layout 2, into a buffer: the elements that every reader knows, then those of the columns that the row has values for, by
 * the table that they are read by (`collect/nfcapd-elements.ts`). The layout is drawn in `collect/nfcapd-records.ts`.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import type { OptionalColumn } from '../base/flow-columns.js';
import { elementFields, type Field, type TextColumn } from '../collect/nfcapd-elements.js';

/** Most bytes of a record. */
export const recordBytesMax = 2048;
const textBytesMax = 255;
const userBytes = 68;
const headBytes = 12;
const [isEvent, isSampled] = [1, 2];

/** Elements that only some rows have: their type, the bytes of their data, and their type where the addresses are IPv6. */
const laterElements: readonly { readonly type: number; readonly bytes: number; readonly six?: number }[] = [
  { type: 8, bytes: 4, six: 9 },
  { type: 14, bytes: 40 },
  { type: 15, bytes: 32 },
  { type: 16, bytes: 8 },
  { type: 17, bytes: 24 },
  { type: 19, bytes: 16 },
  { type: 20, bytes: 8, six: 21 },
  { type: 22, bytes: 4 },
  { type: 23, bytes: 24 },
  { type: 25, bytes: 16 },
  { type: 26, bytes: 8 },
  { type: 31, bytes: 12, six: 32 },
  { type: 33, bytes: 16 },
  { type: 36, bytes: 8 },
  { type: 38, bytes: 32 },
  { type: 39, bytes: 8 },
  { type: 40, bytes: 4 },
  { type: 42, bytes: 4 },
];
/** Elements that are a text, by their column. */
const textElements: readonly (readonly [TextColumn, number])[] = [
  ['user', 24],
  ['label', 28],
  ['nat_string', 41],
];

export class NfcapdRecord {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  #at = 0;
  #elements = 0;

  constructor(memory: ArrayBuffer) {
    this.#view = new DataView(memory);
    this.#bytes = Buffer.from(memory);
  }

  /** Writes row `row` at `start`; answers where it ends. */
  put(batch: FlowBatch, row: number, start: number): number {
    this.#at = start + headBytes;
    this.#elements = 0;
    this.#steady(batch, row);
    let flags = (batch.sampling?.[row] ?? 0) > 1 ? isSampled : 0;
    for (const { type, bytes, six } of laterElements) {
      const fields = elementFields[type] as readonly Field[];
      if (!this.#hasAny(fields, batch, row) || (type === 19 && (batch.natEvent?.[row] ?? 0) !== 0)) continue;
      if (type === 25 && (batch.natEvent?.[row] ?? 0) === 0 && (batch.natPool?.[row] ?? 0) === 0) continue;
      if (type === 19 || type === 25) flags |= isEvent;
      const isSix = six !== undefined && this.#isSix(fields, batch, row);
      const chosen = isSix ? (elementFields[six] as readonly Field[]) : fields;
      const data = this.#element(isSix ? six : type, isSix ? (type === 8 ? 16 : 32 + (type === 31 ? 4 : 0)) : bytes);
      for (const field of chosen) this.#field(field, data, batch, row);
    }
    this.#texts(batch, row);
    const view = this.#view;
    view.setUint16(start, 11, true);
    view.setUint16(start + 2, this.#at - start, true);
    view.setUint16(start + 4, this.#elements, true);
    view.setUint8(start + 6, batch.engineType?.[row] ?? 0);
    view.setUint8(start + 7, batch.engineId?.[row] ?? 0);
    view.setUint16(start + 8, batch.exporterId?.[row] ?? 0, true);
    view.setUint8(start + 10, flags);
    view.setUint8(start + 11, 0);
    return this.#at;
  }

  // What is there in flows of every origin.
  #steady(batch: FlowBatch, row: number): void {
    const view = this.#view;
    const flow = this.#element(1, 48);
    this.#long(flow, (batch.firstSeconds[row] as number) * 1000 + Math.floor((batch.firstNanos[row] as number) / 1e6));
    this.#long(flow + 8, (batch.lastSeconds[row] as number) * 1000 + Math.floor((batch.lastNanos[row] as number) / 1e6));
    this.#long(flow + 16, batch.received?.[row] ?? 0);
    this.#long(flow + 24, batch.packets[row] as number);
    this.#long(flow + 32, batch.bytes[row] as number);
    view.setUint16(flow + 40, batch.sport[row] as number, true);
    view.setUint16(flow + 42, batch.dport[row] as number, true);
    view.setUint8(flow + 44, batch.proto[row] as number);
    view.setUint8(flow + 45, batch.flags[row] as number);
    view.setUint8(flow + 46, batch.forwarding?.[row] ?? 0);
    view.setUint8(flow + 47, batch.tos[row] as number);
    if (batch.family[row] === 6) {
      const data = this.#element(3, 32);
      this.#ipv6(data, batch.src, row);
      this.#ipv6(data + 16, batch.dst, row);
    } else if (batch.family[row] === 4) {
      const data = this.#element(2, 8);
      this.#ipv4(data, batch.src, row);
      this.#ipv4(data + 4, batch.dst, row);
    }
    const misc = elementFields[4] as readonly Field[];
    if (batch.inIf[row] !== 0 || batch.outIf[row] !== 0 || this.#hasAny(misc, batch, row)) {
      const data = this.#element(4, 16);
      view.setUint32(data, batch.inIf[row] as number, true);
      view.setUint32(data + 4, batch.outIf[row] as number, true);
      for (const field of misc) this.#field(field, data, batch, row);
    }
    const [packetsRev, bytesRev, flows] = [batch.packetsRev?.[row] ?? 0, batch.bytesRev?.[row] ?? 0, batch.flowCount?.[row] ?? 0];
    if (packetsRev !== 0 || bytesRev !== 0 || flows !== 0) this.#longs(5, [flows, packetsRev, bytesRev]);
    const [vlan, dstVlan] = [batch.vlan?.[row] ?? 0, batch.dstVlan?.[row] ?? 0];
    if (vlan !== 0 || dstVlan !== 0) this.#words(6, vlan, dstVlan);
    if (batch.srcAs[row] !== 0 || batch.dstAs[row] !== 0) this.#words(7, batch.srcAs[row] as number, batch.dstAs[row] as number);
    this.#address(10, batch.nextHop, row);
    this.#address(12, batch.exporter, row);
  }

  #words(type: number, first: number, second: number): void {
    const data = this.#element(type, 8);
    this.#view.setUint32(data, first, true);
    this.#view.setUint32(data + 4, second, true);
  }

  #longs(type: number, values: readonly number[]): void {
    const data = this.#element(type, values.length * 8);
    values.forEach((value, index) => {
      this.#long(data + index * 8, value);
    });
  }

  // IPv4 by the type, IPv6 by the next one.
  #address(type: number, column: Uint8Array | undefined, row: number): void {
    const family = column === undefined ? 0 : addressFamily(column, row * 16);
    if (column === undefined || family === 0) return;
    if (family === 4) this.#ipv4(this.#element(type, 4), column, row);
    else this.#ipv6(this.#element(type + 1, 16), column, row);
  }

  #texts(batch: FlowBatch, row: number): void {
    if (batch.extra.size === 0) return;
    for (const [name, type] of textElements) {
      const text = batch.extra.get(name)?.[row];
      if (typeof text !== 'string' || text === '') continue;
      const bytes = Buffer.from(text).subarray(0, type === 24 ? userBytes - 3 : textBytesMax);
      const size = type === 24 ? userBytes : Math.ceil((bytes.length + 1) / 4) * 4;
      const data = this.#element(type, size);
      this.#bytes.set(bytes, data);
    }
    const application = /^(\d+)\.\.(\d+)$/.exec(String(batch.extra.get('application')?.[row] ?? ''));
    if (application === null) return;
    const data = this.#element(27, 4);
    this.#view.setUint32(data, (Number(application[2]) & 0xffffff) + Number(application[1]) * 0x1000000, false);
  }

  // An element of so many bytes, all zero; answers where its data is.
  #element(type: number, bytes: number): number {
    this.#view.setUint16(this.#at, type, true);
    this.#view.setUint16(this.#at + 2, bytes + 4, true);
    const data = this.#at + 4;
    this.#bytes.fill(0, data, data + bytes);
    this.#at = data + bytes;
    this.#elements += 1;
    return data;
  }

  #hasAny(fields: readonly Field[], batch: FlowBatch, row: number): boolean {
    for (const { column, form } of fields) {
      if (form === 'digits') {
        if ((batch.extra.get(column)?.[row] ?? '') !== '') return true;
        continue;
      }
      const values = batch[column as OptionalColumn];
      if (values === undefined) continue;
      const width = values.length / batch.capacity;
      for (let at = row * width; at < (row + 1) * width; at++) if (values[at] !== 0) return true;
    }
    return false;
  }

  #isSix(fields: readonly Field[], batch: FlowBatch, row: number): boolean {
    return fields.some(({ form, column }) => {
      const values = form === 'ipv4' ? batch[column as OptionalColumn] : undefined;
      return values !== undefined && addressFamily(values as Uint8Array, row * 16) === 6;
    });
  }

  #field({ offset, form, column }: Field, data: number, batch: FlowBatch, row: number): void {
    const view = this.#view;
    const at = data + offset;
    if (form === 'digits') {
      const text = batch.extra.get(column)?.[row];
      if (typeof text === 'string' && /^\d{1,20}$/.test(text)) view.setBigUint64(at, BigInt.asUintN(64, BigInt(text)), true);
      return;
    }
    const values = batch[column as OptionalColumn];
    if (values === undefined) return;
    const value = values[row] as number;
    if (form === 'u8') view.setUint8(at, value);
    else if (form === 'u16') view.setUint16(at, value, true);
    else if (form === 'u64' || form === 'time') this.#long(at, value);
    else if (form === 'ipv4') this.#ipv4(at, values as Uint8Array, row);
    else if (form === 'ipv6') this.#ipv6(at, values as Uint8Array, row);
    else if (form === 'labels')
      for (let index = 0; index < 10; index++) view.setUint32(at + index * 4, values[row * 10 + index] as number, true);
    else view.setUint32(at, value, true);
  }

  #long(at: number, value: number): void {
    this.#view.setUint32(at, value % 4294967296, true);
    this.#view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  }

  #ipv4(at: number, column: Uint8Array, row: number): void {
    for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = column[row * 16 + 15 - byte] as number;
  }

  #ipv6(at: number, column: Uint8Array, row: number): void {
    for (let byte = 0; byte < 8; byte++) {
      this.#bytes[at + byte] = column[row * 16 + 7 - byte] as number;
      this.#bytes[at + 8 + byte] = column[row * 16 + 15 - byte] as number;
    }
  }
}

// 0 where all bytes are zero: unknown.
function addressFamily(bytes: Uint8Array, at: number): 0 | 4 | 6 {
  let high = 0;
  for (let index = at; index < at + 10; index++) high |= bytes[index] as number;
  if (high === 0 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) return 4;
  for (let index = at + 10; index < at + 16; index++) high |= bytes[index] as number;
  return high === 0 ? 0 : 6;
}
