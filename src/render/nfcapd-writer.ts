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
import { NfcapdRecord, recordBytesMax } from './nfcapd-record.js';

const headerBytes = 40;
const blockBytes = 1 << 20;
const pageBytes = 65536;

const textColumns: readonly string[] = ['user', 'application', 'label', 'nat_string', 'flow_id', 'observation_point'];

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
  readonly #record: NfcapdRecord;
  /** Sampling rates that were said, by exporter. */
  readonly #rates = new Map<number, number>();
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
    this.#record = new NfcapdRecord(this.#memory.buffer);
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
    if (batch.flagsRev?.subarray(0, batch.count).some((value) => value > 0)) this.losses.columns.add('flags_rev');
    for (const name of batch.extra.keys()) if (!textColumns.includes(name)) this.losses.columns.add(name);
  }

  #put(batch: FlowBatch, row: number): void {
    const rate = batch.sampling?.[row] ?? 0;
    if (rate > 1) this.#sampler(batch.exporterId?.[row] ?? 0, rate);
    this.#at = this.#record.put(batch, row, this.#rawAt + this.#at) - this.#rawAt;
    this.#records += 1;
  }

  // A sampler stands before the first flow that it sampled: | type 9 | size 16 | i32 id | u32 one in | u16 mode | u16 exporter id |.
  #sampler(exporter: number, rate: number): void {
    const known = this.#rates.get(exporter);
    if (known === rate) return;
    if (known !== undefined) {
      this.losses.columns.add('sampling');
      return;
    }
    this.#rates.set(exporter, rate);
    const at = this.#rawAt + this.#at;
    const view = this.#view;
    view.setUint16(at, 9, true);
    view.setUint16(at + 2, 16, true);
    view.setInt32(at + 4, -1, true);
    view.setUint32(at + 8, rate, true);
    view.setUint16(at + 12, 0, true);
    view.setUint16(at + 14, exporter, true);
    this.#at += 16;
    this.#records += 1;
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
