/**
 * Flow records as an nfcapd file of layout 2, blocks packed by LZ4: what nfdump 1.7 reads. The layout is drawn in `collect/nfcapd.ts` and
 * `collect/nfcapd-records.ts`; behind the blocks stands the appendix, a block of two records:
 *
 *     | u16 0x8001 | u16 size | ident, zero-terminated |     | u16 0x8002 | u16 148 | 18 x u64 statistics |
 *     statistics: flows, bytes, packets, then flows, bytes and packets each of TCP, UDP, ICMP, others; first and last in ms, sequence failures
 *
 * Times are whole milliseconds there; what else the layout has no place for is counted and said by the caller. The header names where the
 * appendix is, so it is written last: `head` is patched over the place that `begin` leaves.
 */

import { readFileSync } from 'node:fs';
import type { FlowBatch } from '../base/flow-batch.js';

const headerBytes = 40;
const blockBytes = 1 << 20;
const recordBytesMax = 256;
const pageBytes = 65536;

type Encode = (from: number, fromEnd: number, to: number, table: number) => number;

/** What nfcapd files have no place for, with the number of records that had it. */
export interface NfcapdLosses {
  subMillisecond: number;
  columns: Set<string>;
}

export class NfcapdWriter {
  readonly losses: NfcapdLosses = { subMillisecond: 0, columns: new Set() };
  readonly #memory: WebAssembly.Memory;
  readonly #encode: Encode;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #rawAt = 2 * pageBytes;
  readonly #packedAt = 2 * pageBytes + blockBytes + pageBytes;
  #at = 0;
  #records = 0;
  #blocks = 0;
  #written = headerBytes;
  readonly #statistics = new Float64Array(15);
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = 0;

  constructor() {
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((this.#packedAt + blockBytes * 1.01 + pageBytes) / pageBytes) });
    const module = new WebAssembly.Module(readFileSync(new URL('../base/lz4.wasm', import.meta.url)));
    const { encodeLz4 } = new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports;
    this.#encode = encodeLz4 as Encode;
    this.#view = new DataView(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /** Room for the header. */
  begin(): Uint8Array {
    return new Uint8Array(headerBytes);
  }

  /** Blocks that became full with these rows; valid until the next call. */
  *rows(batch: FlowBatch): Generator<Uint8Array> {
    this.#noteLosses(batch);
    for (let row = 0; row < batch.count; row++) {
      if (this.#at + recordBytesMax > blockBytes) yield this.#dataBlock();
      this.#put(batch, row);
      this.#count(batch, row);
    }
  }

  /** The last block and the appendix. */
  *end(): Generator<Uint8Array> {
    if (this.#records > 0) yield this.#dataBlock();
    yield this.#appendix();
  }

  #dataBlock(): Uint8Array {
    const block = this.#pack();
    this.#blocks += 1;
    this.#written += block.length;
    return block;
  }

  /** The header, to be written over the first bytes. `createdSeconds` is the time of writing. */
  head(createdSeconds: number): Uint8Array {
    const head = new DataView(new ArrayBuffer(headerBytes));
    head.setUint16(0, 0xa50c, true);
    head.setUint16(2, 2, true);
    head.setUint32(4, 0x01070100, true);
    head.setBigUint64(8, BigInt(createdSeconds), true);
    head.setUint8(16, 3);
    head.setUint16(18, 1, true);
    head.setBigUint64(24, BigInt(this.#written), true);
    head.setUint32(36, this.#blocks, true);
    return new Uint8Array(head.buffer);
  }

  #noteLosses(batch: FlowBatch): void {
    for (let row = 0; row < batch.count; row++) {
      if ((batch.firstNanos[row] as number) % 1e6 !== 0 || (batch.lastNanos[row] as number) % 1e6 !== 0) this.losses.subMillisecond += 1;
    }
    for (const name of ['sampling', 'event'] as const)
      if (batch[name]?.subarray(0, batch.count).some((value) => value > 1)) this.losses.columns.add(name);
    if (batch.flagsRev?.subarray(0, batch.count).some((value) => value > 0)) this.losses.columns.add('flags_rev');
    for (const name of batch.extra.keys()) this.losses.columns.add(name);
  }

  #put(batch: FlowBatch, row: number): void {
    const view = this.#view;
    const start = this.#rawAt + this.#at;
    let at = start + 12;
    let elements = 0;
    const element = (type: number, size: number): number => {
      view.setUint16(at, type, true);
      view.setUint16(at + 2, size + 4, true);
      const data = at + 4;
      at += size + 4;
      elements += 1;
      return data;
    };
    const big = (place: number, value: number): void => {
      view.setUint32(place, value % 4294967296, true);
      view.setUint32(place + 4, Math.floor(value / 4294967296), true);
    };
    const flow = element(1, 48);
    big(flow, (batch.firstSeconds[row] as number) * 1000 + Math.floor((batch.firstNanos[row] as number) / 1e6));
    big(flow + 8, (batch.lastSeconds[row] as number) * 1000 + Math.floor((batch.lastNanos[row] as number) / 1e6));
    big(flow + 16, 0);
    big(flow + 24, batch.packets[row] as number);
    big(flow + 32, batch.bytes[row] as number);
    view.setUint16(flow + 40, batch.sport[row] as number, true);
    view.setUint16(flow + 42, batch.dport[row] as number, true);
    view.setUint8(flow + 44, batch.proto[row] as number);
    view.setUint8(flow + 45, batch.flags[row] as number);
    view.setUint8(flow + 46, 0);
    view.setUint8(flow + 47, batch.tos[row] as number);
    if (batch.family[row] === 6) {
      const data = element(3, 32);
      this.#putIpv6(data, batch.src, row);
      this.#putIpv6(data + 16, batch.dst, row);
    } else if (batch.family[row] === 4) {
      const data = element(2, 8);
      this.#putIpv4(data, batch.src, row);
      this.#putIpv4(data + 4, batch.dst, row);
    }
    if (batch.inIf[row] !== 0 || batch.outIf[row] !== 0) {
      const data = element(4, 12);
      view.setUint32(data, batch.inIf[row] as number, true);
      view.setUint32(data + 4, batch.outIf[row] as number, true);
      view.setUint32(data + 8, 0, true);
    }
    if ((batch.packetsRev?.[row] ?? 0) !== 0 || (batch.bytesRev?.[row] ?? 0) !== 0) {
      const data = element(5, 24);
      big(data, 0);
      big(data + 8, batch.packetsRev?.[row] ?? 0);
      big(data + 16, batch.bytesRev?.[row] ?? 0);
    }
    if ((batch.vlan?.[row] ?? 0) !== 0) {
      const data = element(6, 8);
      view.setUint32(data, batch.vlan?.[row] ?? 0, true);
      view.setUint32(data + 4, 0, true);
    }
    if (batch.srcAs[row] !== 0 || batch.dstAs[row] !== 0) {
      const data = element(7, 8);
      view.setUint32(data, batch.srcAs[row] as number, true);
      view.setUint32(data + 4, batch.dstAs[row] as number, true);
    }
    for (const [column, type] of [
      [batch.nextHop, 10],
      [batch.exporter, 12],
    ] as const) {
      const family = column === undefined ? 0 : addressFamily(column, row * 16);
      if (column === undefined || family === 0) continue;
      if (family === 4) this.#putIpv4(element(type, 4), column, row);
      else this.#putIpv6(element(type + 1, 16), column, row);
    }
    view.setUint16(start, 11, true);
    view.setUint16(start + 2, at - start, true);
    view.setUint16(start + 4, elements, true);
    view.setUint16(start + 6, 0, true);
    view.setUint32(start + 8, 0, true);
    this.#at = at - this.#rawAt;
    this.#records += 1;
  }

  #putIpv4(at: number, column: Uint8Array, row: number): void {
    for (let byte = 0; byte < 4; byte++) this.#bytes[at + byte] = column[row * 16 + 15 - byte] as number;
  }

  #putIpv6(at: number, column: Uint8Array, row: number): void {
    for (let byte = 0; byte < 8; byte++) {
      this.#bytes[at + byte] = column[row * 16 + 7 - byte] as number;
      this.#bytes[at + 8 + byte] = column[row * 16 + 15 - byte] as number;
    }
  }

  // The statistics count the reverse side of a biflow in packets and bytes.
  #count(batch: FlowBatch, row: number): void {
    const sums = this.#statistics;
    const proto = batch.proto[row] as number;
    const kind = proto === 6 ? 0 : proto === 17 ? 1 : proto === 1 || proto === 58 ? 2 : 3;
    const packets = (batch.packets[row] as number) + (batch.packetsRev?.[row] ?? 0);
    const bytes = (batch.bytes[row] as number) + (batch.bytesRev?.[row] ?? 0);
    const add = (index: number, value: number): void => {
      sums[index] = (sums[index] as number) + value;
    };
    add(0, 1);
    add(1, bytes);
    add(2, packets);
    add(3 + kind, 1);
    add(7 + kind, bytes);
    add(11 + kind, packets);
    this.#firstMs = Math.min(
      this.#firstMs,
      (batch.firstSeconds[row] as number) * 1000 + Math.floor((batch.firstNanos[row] as number) / 1e6),
    );
    this.#lastMs = Math.max(this.#lastMs, (batch.lastSeconds[row] as number) * 1000 + Math.floor((batch.lastNanos[row] as number) / 1e6));
  }

  #pack(): Uint8Array {
    const packedAt = this.#packedAt + 12;
    const size = this.#encode(this.#rawAt, this.#rawAt + this.#at, packedAt, pageBytes);
    const view = this.#view;
    view.setUint32(this.#packedAt, this.#records, true);
    view.setUint32(this.#packedAt + 4, size, true);
    view.setUint16(this.#packedAt + 8, 3, true);
    view.setUint16(this.#packedAt + 10, 0, true);
    this.#records = 0;
    this.#at = 0;
    return this.#bytes.subarray(this.#packedAt, packedAt + size);
  }

  #appendix(): Uint8Array {
    const ident = Buffer.from('weir\0', 'latin1');
    const records = Buffer.alloc(4 + ident.length + 148);
    records.writeUInt16LE(0x8001, 0);
    records.writeUInt16LE(4 + ident.length, 2);
    ident.copy(records, 4);
    let at = 4 + ident.length;
    records.writeUInt16LE(0x8002, at);
    records.writeUInt16LE(148, at + 2);
    at += 4;
    const isEmpty = this.#statistics[0] === 0;
    for (const value of [...this.#statistics, isEmpty ? 0 : this.#firstMs, this.#lastMs, 0]) {
      records.writeBigUInt64LE(BigInt(value), at);
      at += 8;
    }
    this.#bytes.set(records, this.#rawAt);
    this.#at = records.length;
    this.#records = 2;
    return this.#pack();
  }
}

// 0 where all bytes are zero: unknown.
function addressFamily(bytes: Uint8Array, at: number): 0 | 4 | 6 {
  const one = bytes.subarray(at, at + 16);
  if (one.every((byte) => byte === 0)) return 0;
  return one[10] === 0xff && one[11] === 0xff && one.subarray(0, 10).every((byte) => byte === 0) ? 4 : 6;
}
