/**
 * Flow records as the store keeps them: blocks of up to 16,384 rows, every column of a FlowBatch but the rows' numbers, which are given when they are read
 * (a server's answers carry them).
 * Rows of one block come from one source and have the same columns, so that what is printed of them is what is printed of the file that they came from.
 *
 *   little-endian
 *   +------------+-----------+-------------+------------+-----------------------+----------------------+----------+----------------+--------+
 *   | 0 "WFB1"   | 4 rows u32 | 8 columns u16 | 10 - u16 | 12 first: least, most | 20 last: least, most | 28 unit u32 | 32 length u16 | source |
 *   +------------+-----------+-------------+------------+-----------------------+----------------------+----------+----------------+--------+
 *   then a column after another
 *   +----------------+------+---------+----------+----------+-----------+---------------------+-----------------+-------+
 *   | name length u8 | name | form u8 | width u8 | base f64 | first f64 | size unpacked u32 | size stored u32 | bytes |
 *   +----------------+------+---------+----------+----------+-----------+---------------------+-----------------+-------+
 *   form    0 planes of numbers over a base    1 of differences    2 of the bytes of each row    3 texts, as JSON; the column behind it says which
 *           16 packed by LZ4      32 a further column, which only some formats have
 *   bounds  of first and last in whole seconds, both ends included
 *   unit    nanoseconds of which all times are multiples: then `first` and `last` (less first) are two columns of such units; 1: they are four columns
 */

import { Corrupt } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { type ColumnArray, isOptionalColumn } from '../base/flow-columns.js';
import { blockRows, type ColumnForm, FlowMemory, placeOf } from './flow-memory.js';

/** A block and what is known of it without reading it; bounds are whole seconds, both ends included. */
export interface FlowRows {
  readonly rows: number;
  readonly first: readonly [least: number, most: number];
  readonly last: readonly [least: number, most: number];
  readonly bytes: Uint8Array;
}

const magic = 0x31424657;
const headBytes = 34;
const columnHeadBytes = 26;
const [textForm, packedFlag, extraFlag] = [3, 16, 32];
const textLengthMax = 4 << 20;
const timeColumns = ['firstSeconds', 'firstNanos', 'lastSeconds', 'lastNanos'] as const;
const plainColumns = [
  ...['src', 'dst', 'family', 'sport', 'dport', 'proto', 'flags', 'tos', 'packets', 'bytes'],
  ...['inIf', 'outIf', 'srcAs', 'dstAs', 'place'],
] as readonly (keyof FlowBatch)[];
const steadyNames: ReadonlySet<string> = new Set([...timeColumns, ...plainColumns, 'number']);
const addresses: ReadonlySet<string> = new Set(['src', 'dst']);

/** Gathers rows into blocks. */
export class FlowBlockWriter {
  readonly #memory = new FlowMemory();
  readonly #plain: readonly (keyof FlowBatch)[];
  #shape = '';
  #textLength = 0;

  /** `withNumbers`: the rows' numbers are kept too. */
  constructor(withNumbers = false) {
    this.#plain = withNumbers ? [...plainColumns, 'number'] : plainColumns;
  }

  /** Adds the rows of a batch; gives each block that is full, or that the batch cannot join. */
  *add(batch: FlowBatch): Generator<FlowRows> {
    const names = batch.present().map(({ name }) => name);
    const shape = [batch.file, ...names, ...[...batch.extra].map(([name, column]) => `+${name}${Array.isArray(column)}`)].join('\n');
    if (shape !== this.#shape) {
      yield* this.end();
      this.#shape = shape;
      this.#memory.shape(names);
      this.#memory.batch.file = batch.file;
      for (const [name, column] of batch.extra)
        this.#memory.batch.extra.set(name, Array.isArray(column) ? [] : new Float64Array(blockRows));
    }
    for (let from = 0; from < batch.count; ) {
      const to = Math.min(batch.count, from + blockRows - this.#memory.batch.count);
      this.#copy(batch, from, to);
      from = to;
      if (this.#memory.batch.count === blockRows || this.#textLength > textLengthMax) yield this.#block();
    }
  }

  /** The rows that are left, as a block. */
  *end(): Generator<FlowRows> {
    if (this.#memory.batch.count > 0) yield this.#block();
    this.#memory.batch.extra.clear();
    this.#shape = '';
  }

  #copy(batch: FlowBatch, from: number, to: number): void {
    const { batch: open } = this.#memory;
    const at = open.count;
    const copy = (target: ColumnArray, source: ColumnArray, width: number): void =>
      target.set(source.subarray(from * width, to * width) as never, at * width);
    for (const name of [...timeColumns, ...this.#plain])
      copy(open[name] as ColumnArray, batch[name] as ColumnArray, addresses.has(name) ? 16 : 1);
    for (const { name, column, width } of open.present()) copy(column, batch[name] as ColumnArray, width);
    for (const [name, column] of open.extra) {
      const source = batch.extra.get(name);
      if (Array.isArray(column)) {
        for (let row = from; row < to; row++) {
          const text = String(source?.[row] ?? '');
          column[at + row - from] = text;
          this.#textLength += text.length;
        }
      } else column.set((source as Float64Array).subarray(from, to), at);
    }
    open.count += to - from;
  }

  #block(): FlowRows {
    const { batch, kernel } = this.#memory;
    const rows = batch.count;
    const parts: Uint8Array[] = [];
    const bounds = (column: ColumnArray): [number, number] => {
      kernel.bounds(column.byteOffset, rows, column.BYTES_PER_ELEMENT);
      return [kernel.leastFound(), kernel.mostFound()];
    };
    const [first, last] = [bounds(batch.firstSeconds), bounds(batch.lastSeconds)];
    const unit = this.#times(parts);
    for (const name of this.#plain) parts.push(this.#column(name, batch[name] as ColumnArray, addresses.has(name) ? 16 : 1));
    for (const { name, column, width } of batch.present()) parts.push(this.#column(name, column, width));
    for (const [name, column] of batch.extra) this.#extra(name, column, parts);
    const source = Buffer.from(batch.file).subarray(0, 0xffff);
    const head = Buffer.alloc(headBytes);
    head.writeUInt32LE(magic, 0);
    head.writeUInt32LE(rows, 4);
    head.writeUInt16LE(parts.length, 8);
    [...first, ...last, unit].forEach((value, index) => {
      head.writeUInt32LE(value, 12 + 4 * index);
    });
    head.writeUInt16LE(source.length, 32);
    batch.count = 0;
    this.#textLength = 0;
    return { rows, first, last, bytes: Buffer.concat([head, source, ...parts]) };
  }

  #times(parts: Uint8Array[]): number {
    const { batch, kernel, ticks } = this.#memory;
    const rows = batch.count;
    const [firstSeconds, firstNanos, lastSeconds, lastNanos] = timeColumns.map((name) => batch[name].byteOffset) as [
      number,
      number,
      number,
      number,
    ];
    const unit = kernel.unitOf(firstNanos, lastNanos, rows);
    if (unit < 1000) {
      for (const name of timeColumns) parts.push(this.#column(name, batch[name], 1));
      return unit;
    }
    kernel.toTicks(firstSeconds, firstNanos, rows, unit, ticks[0]);
    kernel.toTicks(lastSeconds, lastNanos, rows, unit, ticks[1]);
    kernel.addTo(ticks[1], ticks[0], rows, -1);
    parts.push(this.#packed('first', 0, ticks[0], 8, 1), this.#packed('last', 0, ticks[1], 8, 1));
    return unit;
  }

  #column(name: string, column: ColumnArray, width: number): Uint8Array {
    const { at, size } = placeOf(column);
    return this.#packed(name, 0, at, size, width);
  }

  #packed(name: string, flags: number, at: number, size: number, width: number): Uint8Array {
    const { form, isPacked, size: raw, bytes } = this.#memory.pack(at, size, width);
    return columnBytes(name, flags | form.form | (isPacked ? packedFlag : 0), form, raw, bytes);
  }

  #extra(name: string, column: Float64Array | string[], parts: Uint8Array[]): void {
    const { batch, ticks, bytes } = this.#memory;
    const values = new Float64Array(bytes.buffer, ticks[0], batch.count);
    if (Array.isArray(column)) {
      const places = new Map<string, number>();
      for (let row = 0; row < batch.count; row++) {
        const text = column[row] ?? '';
        let place = places.get(text);
        if (place === undefined) {
          place = places.size;
          places.set(text, place);
        }
        values[row] = place;
      }
      const texts = Buffer.from(JSON.stringify([...places.keys()]));
      parts.push(columnBytes(name, extraFlag | textForm, { form: 0, base: 0, first: 0, width: 0 }, texts.length, texts));
    } else values.set(column.subarray(0, batch.count));
    parts.push(this.#packed(name, extraFlag, ticks[0], 8, 1));
  }
}

function columnBytes(name: string, code: number, { width, base, first }: ColumnForm, raw: number, bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(name).subarray(0, 255);
  const column = Buffer.allocUnsafe(1 + text.length + columnHeadBytes + bytes.length);
  column[0] = text.length;
  text.copy(column, 1);
  const at = 1 + text.length;
  column[at] = code;
  column[at + 1] = width;
  column.writeDoubleLE(base, at + 2);
  column.writeDoubleLE(first, at + 10);
  column.writeUInt32LE(raw, at + 18);
  column.writeUInt32LE(bytes.length, at + 22);
  column.set(bytes, at + columnHeadBytes);
  return column;
}

/** A column of a block that is in the memory. */
interface StoredColumn extends ColumnForm {
  readonly name: string;
  readonly code: number;
  readonly raw: number;
  readonly at: number;
  readonly size: number;
}

/** Reads blocks; the batch that is given lasts until the next one is read. */
export class FlowBlockReader {
  readonly #memory = new FlowMemory();

  /** The flows of a block; `wanted` names the columns that are looked at, if not all. Throws Corrupt. */
  read(block: Uint8Array, wanted?: ReadonlySet<string>): FlowBatch {
    const { rows } = boundsOfBlock(block);
    const memory = this.#memory;
    memory.put(block);
    const view = new DataView(memory.bytes.buffer, memory.packedAt, block.length);
    const unit = view.getUint32(28, true);
    const columns = this.#columns(view).filter(({ name }) => wanted === undefined || wanted.has(timeName(name)));
    const { batch } = memory;
    memory.shape(columns.flatMap(({ name, code }) => ((code & extraFlag) === 0 && isOptionalColumn(name) ? [name] : [])));
    batch.extra.clear();
    batch.count = rows;
    batch.file = Buffer.from(block.subarray(headBytes, headBytes + view.getUint16(32, true))).toString();
    let texts: readonly string[] | undefined;
    for (const column of columns) {
      if ((column.code & 3) === textForm) texts = textsOf(block.subarray(column.at, column.at + column.size));
      else if ((column.code & extraFlag) !== 0) {
        this.#extra(column, texts);
        texts = undefined;
      } else this.#plain(column);
    }
    if (columns.some(({ name }) => name === 'first')) this.#times(unit);
    return batch;
  }

  #columns(view: DataView): StoredColumn[] {
    const found: StoredColumn[] = [];
    let at = headBytes + view.getUint16(32, true);
    const fits = (size: number): void => {
      if (at + size > view.byteLength) throw new Corrupt('a block of flows ends within a column');
    };
    for (let count = view.getUint16(8, true); count > 0; count--) {
      fits(1);
      const nameLength = view.getUint8(at);
      fits(1 + nameLength + columnHeadBytes);
      const name = Buffer.from(view.buffer, view.byteOffset + at + 1, nameLength).toString();
      at += 1 + nameLength;
      const code = view.getUint8(at);
      const size = view.getUint32(at + 22, true);
      const [width, base, first] = [view.getUint8(at + 1), view.getFloat64(at + 2, true), view.getFloat64(at + 10, true)];
      const raw = view.getUint32(at + 18, true);
      at += columnHeadBytes;
      fits(size);
      found.push({ name, code, form: (code & 3) as 0, width, base, first, raw, at, size });
      at += size;
    }
    return found;
  }

  #plain(column: StoredColumn): void {
    const { batch, ticks } = this.#memory;
    const { name } = column;
    if (name === 'first' || name === 'last') return this.#unpack(column, ticks[name === 'first' ? 0 : 1], 8, 1);
    if (!steadyNames.has(name) && !isOptionalColumn(name))
      throw new Corrupt(`a block of flows has a column '${name}' (expected none of that name)`);
    const held = batch[name as 'src'];
    const { at, size } = placeOf(held);
    this.#unpack(column, at, size, held.length / batch.capacity);
  }

  #unpack(column: StoredColumn, to: number, size: number, width: number): void {
    const memory = this.#memory;
    const isBytes = column.form === 2;
    if (isBytes ? column.width !== size * width : width !== 1)
      throw new Corrupt(`column '${column.name}' of a block of flows has a wrong width`);
    const isPacked = (column.code & packedFlag) !== 0;
    memory.unpack(memory.packedAt + column.at, column.size, column, column.raw, isPacked, to, size, memory.batch.count);
  }

  #extra(column: StoredColumn, texts: readonly string[] | undefined): void {
    const { batch, ticks, bytes } = this.#memory;
    // The other two hold the times.
    this.#unpack(column, ticks[2], 8, 1);
    const values = new Float64Array(bytes.buffer, ticks[2], batch.count);
    batch.extra.set(column.name, texts === undefined ? values.slice() : Array.from(values, (place) => texts[place] ?? ''));
  }

  #times(unit: number): void {
    const { batch, kernel, ticks } = this.#memory;
    const rows = batch.count;
    if (unit < 1000 || 1e9 % unit !== 0) throw new Corrupt(`a block of flows has a unit of time of ${unit} ns`);
    kernel.addTo(ticks[1], ticks[0], rows, 1);
    const [firstSeconds, firstNanos, lastSeconds, lastNanos] = timeColumns.map((name) => batch[name].byteOffset) as [
      number,
      number,
      number,
      number,
    ];
    const isTime =
      kernel.fromTicks(ticks[0], rows, unit, firstSeconds, firstNanos) === 0 &&
      kernel.fromTicks(ticks[1], rows, unit, lastSeconds, lastNanos) === 0;
    if (!isTime) throw new Corrupt('a block of flows has times that are none');
  }
}

/** How many rows a block has, and the bounds of their times. Throws Corrupt when it is none. */
export function boundsOfBlock(block: Uint8Array): FlowRows {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  if (block.length < headBytes || view.getUint32(0, true) !== magic) throw new Corrupt('no block of flows');
  const [rows, firstLeast, firstMost, lastLeast, lastMost] = [4, 12, 16, 20, 24].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (rows === 0 || rows > blockRows || headBytes + view.getUint16(32, true) > block.length)
    throw new Corrupt(`a block of flows has a wrong head (${rows} rows)`);
  return { rows, first: [firstLeast, firstMost], last: [lastLeast, lastMost], bytes: block };
}

// The name under which a column is wanted: that of a column of the batch.
function timeName(name: string): string {
  return name === 'first' ? 'firstSeconds' : name === 'last' ? 'lastSeconds' : name;
}

function textsOf(bytes: Uint8Array): readonly string[] {
  let texts: unknown;
  try {
    texts = JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw new Corrupt('the texts of a block of flows cannot be read', {}, error);
  }
  if (!Array.isArray(texts)) throw new Corrupt('the texts of a block of flows are no list');
  return texts as string[];
}
