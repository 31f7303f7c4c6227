/**
 * Drives the kernels that unpack nfcapd blocks and read their records into columns (`base/lz4.as.ts`, `base/lzo.as.ts`, `nfcapd-records.as.ts`).
 * All three share one memory, in which the columns of the batch lie too, so that from the file to the columns nothing is copied twice:
 *
 *     0 | 64 KiB constants, table of columns | columns of the batch | packed block | block unpacked, and room for copies beyond its end |
 *
 * A kernel is lent for one file and used again for the next: what its batch holds is gone when the next batch is asked for.
 */

import { readFileSync } from 'node:fs';
import { Malformed } from '../base/faults.js';
import { type Allot, defaultBatchRows, FlowBatch } from '../base/flow-batch.js';
import { type BlockPlace, nfcapdColumns, readRecords } from './nfcapd-records.js';

interface Exports {
  decodeLz4(from: number, fromEnd: number, to: number, toEnd: number): number;
  decodeLzo(from: number, fromEnd: number, to: number, toEnd: number): number;
  fill(columns: number, at: number, end: number, row: number, capacity: number): number;
  fillCounters(columns: number, at: number, end: number, row: number, capacity: number, hasTimes: number): number;
  rowCount(): number;
  stoppedHard(): number;
}

const pageBytes = 65536;
const tableAt = 32768;
/** Bytes behind the unpacked block that copies may run into. */
const slackBytes = 64;

/** Names of the batch's columns, in the order of the kernel's table. */
const columnOrder = [
  'firstSeconds',
  'firstNanos',
  'lastSeconds',
  'lastNanos',
  'src',
  'dst',
  'family',
  'sport',
  'dport',
  'proto',
  'flags',
  'tos',
  'packets',
  'bytes',
  'inIf',
  'outIf',
  'srcAs',
  'dstAs',
  'packetsRev',
  'bytesRev',
  'vlan',
  'nextHop',
  'exporter',
] as const satisfies readonly (keyof FlowBatch)[];

const modules = new Map<string, WebAssembly.Module>();
const idle: NfcapdKernel[] = [];

export class NfcapdKernel {
  /** Its columns lie in the kernel's memory. */
  readonly batch: FlowBatch;
  /** Where a packed block is put. */
  readonly packed: Uint8Array;
  /** Where a block is unpacked to, or put if it is not packed. */
  readonly unpacked: Uint8Array;
  readonly #kernel: Exports;

  /** A kernel for blocks of at most `blockBytes`, packed or not. */
  static lend(blockBytes: number): NfcapdKernel {
    const found = idle.findIndex((kernel) => kernel.unpacked.length >= blockBytes);
    return (found >= 0 ? idle.splice(found, 1)[0] : undefined) ?? new NfcapdKernel(blockBytes);
  }

  /** Gives it back. */
  giveBack(): void {
    this.batch.count = 0;
    if (idle.length < 2) idle.push(this);
  }

  private constructor(blockBytes: number) {
    const rowBytes = 240;
    const size = pageBytes + defaultBatchRows * rowBytes + 2 * (blockBytes + slackBytes);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / pageBytes) + 1 });
    let at = pageBytes;
    const allot: Allot = (Type, length) => {
      const column = new Type(memory.buffer, at, length);
      at += Math.ceil((length * Type.BYTES_PER_ELEMENT) / 16) * 16;
      return column;
    };
    this.batch = new FlowBatch(defaultBatchRows, nfcapdColumns, allot);
    const table = new Uint32Array(memory.buffer, tableAt, columnOrder.length);
    columnOrder.forEach((name, index) => {
      table[index] = this.batch[name]?.byteOffset ?? 0;
    });
    this.packed = new Uint8Array(memory.buffer, at, blockBytes + slackBytes);
    this.unpacked = new Uint8Array(memory.buffer, at + blockBytes + slackBytes, blockBytes);
    const imports = { env: { memory } };
    this.#kernel = Object.assign(
      {},
      ...['../base/lz4.wasm', '../base/lzo.wasm', 'nfcapd-records.wasm'].map(
        (name) => new WebAssembly.Instance(moduleOf(name), imports).exports,
      ),
    ) as Exports;
  }

  /** Unpacks the first `size` bytes of `packed`; answers the size unpacked. Throws Malformed where the block is damaged. */
  unpack(codec: 'LZO' | 'LZ4', size: number): number {
    const decode = codec === 'LZO' ? this.#kernel.decodeLzo : this.#kernel.decodeLz4;
    const [from, to] = [this.packed.byteOffset, this.unpacked.byteOffset];
    const got = decode(from, from + size, to, to + this.unpacked.length);
    if (got < 0) throw new Malformed(`damaged ${codec} block at its byte ${-1 - got}`);
    return got;
  }

  /** Appends records of the first `size` unpacked bytes, from `offset` on, until the batch is full or the block ends; returns where to go on. */
  read(offset: number, size: number, place: BlockPlace): number {
    const { batch, unpacked } = this;
    const { wanted } = place.options;
    const base = unpacked.byteOffset;
    let at = offset;
    while (at < size && batch.count < batch.capacity) {
      const [from, end] = [base + at, base + size];
      at =
        wanted === undefined
          ? this.#kernel.fill(tableAt, from, end, batch.count, batch.capacity) - base
          : this.#kernel.fillCounters(tableAt, from, end, batch.count, batch.capacity, wanted === 'timed counters' ? 1 : 0) - base;
      batch.count = this.#kernel.rowCount();
      if (this.#kernel.stoppedHard() !== 0) at = readRecords(unpacked.subarray(0, size), at, batch, place, 1);
    }
    return at;
  }
}

function moduleOf(name: string): WebAssembly.Module {
  let module = modules.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(new URL(name, import.meta.url)));
    modules.set(name, module);
  }
  return module;
}
