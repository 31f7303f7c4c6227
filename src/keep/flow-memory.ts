/**
 * The memory that blocks of flow records are written and read in: the columns of one batch, room for a block, and the kernels over both
 * (`flow-block.as.ts`, `base/lz4.as.ts`). From the store to the columns bytes are copied once.
 *
 *     0 | 64 KiB | 64 KiB table of LZ4 | columns of the batch | three columns of float64 | planes | a block, packed |
 */

import { kernelIn, slackBytes } from '../base/block-codecs.js';
import { Corrupt, Refused } from '../base/faults.js';
import { type Allot, defaultBatchRows, FlowBatch } from '../base/flow-batch.js';
import { type ColumnArray, type OptionalColumn, optionalColumns, optionalNames } from '../base/flow-columns.js';

/** Rows of a block at most. */
export const blockRows = defaultBatchRows;
/** Bytes of a block at most. */
export const blockBytesMax = 16 << 20;

const pageBytes = 65_536;
const widestRow = 40;

interface Kernel {
  bounds(from: number, rows: number, size: number): number;
  leastFound(): number;
  mostFound(): number;
  split(from: number, rows: number, size: number, base: number, width: number, to: number): void;
  join(from: number, rows: number, size: number, base: number, width: number, to: number): void;
  differences(from: number, rows: number, to: number): void;
  sums(at: number, rows: number, first: number): void;
  splitBytes(from: number, rows: number, width: number, to: number): number;
  joinBytes(from: number, size: number, rows: number, width: number, to: number): number;
  unitOf(nanos: number, others: number, rows: number): number;
  toTicks(seconds: number, nanos: number, rows: number, unit: number, to: number): void;
  fromTicks(from: number, rows: number, unit: number, seconds: number, nanos: number): number;
  addTo(at: number, other: number, rows: number, sign: number): void;
}

/** From, to its end, to, and the table or the end of the room; answers the size. */
type Pack = (from: number, fromEnd: number, to: number, last: number) => number;

/** Planes of a column: how it is told apart from its bytes. */
export interface ColumnForm {
  /** 0 numbers over a base, 1 differences of numbers, 2 bytes of each row. */
  readonly form: 0 | 1 | 2;
  /** The least value; of differences, the first value and the least difference. */
  readonly base: number;
  readonly first: number;
  /** Planes. */
  readonly width: number;
}

export class FlowMemory {
  readonly batch: FlowBatch;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly kernel: Kernel;
  /** Columns of float64 to compute with. */
  readonly ticks: readonly [number, number, number];
  /** Where a packed block may be put. */
  readonly packedAt: number;
  readonly #planesAt: number;
  readonly #encode: Pack;
  readonly #decode: Pack;
  readonly #laterAt: number;
  #freeAt = 2 * pageBytes;

  constructor() {
    const laterBytes = optionalNames.reduce((sum, name) => {
      const { width, Type } = optionalColumns[name];
      return sum + width * Type.BYTES_PER_ELEMENT * blockRows + 8;
    }, 0);
    const columnBytes = 128 * blockRows + laterBytes;
    const ticksAt = 2 * pageBytes + columnBytes + (8 - (columnBytes % 8));
    this.ticks = [ticksAt, ticksAt + 8 * blockRows, ticksAt + 16 * blockRows];
    this.#planesAt = ticksAt + 24 * blockRows;
    this.packedAt = this.#planesAt + widestRow * blockRows + pageBytes;
    const pages = Math.ceil((this.packedAt + blockBytesMax + slackBytes) / pageBytes);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = new Uint8Array(memory.buffer as ArrayBuffer);
    const allot: Allot = (Type, length) => {
      const at = this.#freeAt;
      this.#freeAt += length * Type.BYTES_PER_ELEMENT + 7 - ((length * Type.BYTES_PER_ELEMENT + 7) % 8);
      return new Type(memory.buffer as ArrayBuffer, at, length);
    };
    this.batch = new FlowBatch(blockRows, [], allot);
    this.#laterAt = this.#freeAt;
    this.kernel = kernelIn(memory, new URL('flow-block.wasm', import.meta.url)) as unknown as Kernel;
    const lz4 = kernelIn(memory, new URL('../base/lz4.wasm', import.meta.url));
    this.#encode = lz4['encodeLz4'] as Pack;
    this.#decode = lz4['decodeLz4'] as Pack;
  }

  /** Gives the batch these optional columns, and no others. */
  shape(names: readonly OptionalColumn[]): void {
    const { batch } = this;
    const present = batch.present();
    if (present.length === names.length && present.every(({ name }, index) => name === names[index])) return;
    for (const name of optionalNames) batch.drop(name);
    this.#freeAt = this.#laterAt;
    for (const name of names) batch.add(name);
  }

  /** The bytes of a column of the batch, or of float64 at an address: in planes, packed if that is shorter. Valid until the next call. */
  pack(from: number, size: number, width = 1): { form: ColumnForm; isPacked: boolean; size: number; bytes: Uint8Array } {
    const rows = this.batch.count;
    const { form, raw } = width === 1 ? this.#numbers(from, size, rows) : this.#rowBytes(from, size * width, rows);
    if (raw > 64) {
      const packed = this.#encode(this.#planesAt, this.#planesAt + raw, this.packedAt, pageBytes);
      if (packed < raw) return { form, isPacked: true, size: raw, bytes: this.bytes.subarray(this.packedAt, this.packedAt + packed) };
    }
    return { form, isPacked: false, size: raw, bytes: this.bytes.subarray(this.#planesAt, this.#planesAt + raw) };
  }

  #rowBytes(from: number, width: number, rows: number): { form: ColumnForm; raw: number } {
    return { form: { form: 2, base: 0, first: 0, width }, raw: this.kernel.splitBytes(from, rows, width, this.#planesAt) };
  }

  // Of float64 the shorter of base and differences.
  #numbers(from: number, size: number, rows: number): { form: ColumnForm; raw: number } {
    const { kernel } = this;
    if (kernel.bounds(from, rows, size) === 0) return this.#rowBytes(from, size, rows);
    const base = kernel.leastFound();
    const width = widthOf(kernel.mostFound() - base);
    if (width > 6 || (size === 8 && width > 0)) {
      const at = this.ticks[2];
      kernel.differences(from, rows, at);
      const isWhole = kernel.bounds(at, rows, 8) === 1;
      const least = kernel.leastFound();
      const shorter = widthOf(kernel.mostFound() - least);
      if (isWhole && shorter < width) {
        const first = new DataView(this.bytes.buffer).getFloat64(from, true);
        kernel.split(at, rows, 8, least, shorter, this.#planesAt);
        return { form: { form: 1, base: least, first, width: shorter }, raw: shorter * rows };
      }
      if (width > 6) return this.#rowBytes(from, size, rows);
    }
    kernel.split(from, rows, size, base, width, this.#planesAt);
    return { form: { form: 0, base, first: 0, width }, raw: width * rows };
  }

  /** Puts a column together whose bytes lie at `from` (in the memory). Throws Corrupt. */
  unpack(
    from: number,
    size: number,
    form: ColumnForm,
    rawSize: number,
    isPacked: boolean,
    to: number,
    elementSize: number,
    rows: number,
  ): void {
    const { kernel } = this;
    if (rawSize > widestRow * blockRows + 64) throw new Corrupt(`a column of ${rawSize} bytes in a block of flows (expected fewer)`);
    let at = from;
    if (isPacked) {
      const got = this.#decode(from, from + size, this.#planesAt, this.#planesAt + rawSize);
      if (got !== rawSize) throw new Corrupt(`a column of a block of flows unpacks to ${got} bytes (expected ${rawSize})`);
      at = this.#planesAt;
    } else if (size !== rawSize) throw new Corrupt(`a column of a block of flows has ${size} bytes (expected ${rawSize})`);
    if (form.form === 2) {
      if (kernel.joinBytes(at, rawSize, rows, form.width, to) < 0) throw new Corrupt('a column of a block of flows has a wrong size');
      return;
    }
    if (form.width > 8 || rawSize !== form.width * rows) throw new Corrupt('a column of a block of flows has a wrong size');
    kernel.join(at, rows, elementSize, form.base, form.width, to);
    if (form.form === 1) kernel.sums(to, rows, form.first);
  }

  /** Puts a block into the memory. Throws Corrupt when it is too large. */
  put(block: Uint8Array): void {
    if (block.length > blockBytesMax) throw new Corrupt(`a block of flows of ${block.length} bytes (expected at most ${blockBytesMax})`);
    this.bytes.set(block, this.packedAt);
  }
}

/** Address and size of what a column holds. */
export function placeOf(column: ColumnArray): { at: number; size: number } {
  return { at: column.byteOffset, size: column.BYTES_PER_ELEMENT };
}

function widthOf(span: number): number {
  if (!(span >= 0)) throw new Refused('a column of flows has a value that is no number');
  let width = 0;
  for (let rest = span; rest >= 1; rest /= 256) width++;
  return width;
}
