/**
 * FlowBatch: flow records (RFC 7011's Flow Record) as columns of typed arrays, never an object a flow.
 *
 * Times are two columns each, whole seconds of the Unix epoch and nanoseconds within the second, so that no float rounds them:
 * `t = firstSeconds + firstNanos / 1e9`, 0 <= nanos < 1e9, seconds 0 .. 2^32-1 (to the year 2106).
 * Addresses are 16 bytes a row (IPv4 mapped) with a family of 4 or 6 (0: none). Counters are float64 and exact to 2^53.
 * ICMP type and code stand in `dport` as type*256+code. A biflow is ONE row with packetsRev, bytesRev, flagsRev.
 * `number` counts data rows over all inputs from 1 (rejected and filtered rows included).
 *
 * Optional columns exist only when the source carries them: ask `batch.has('vlan')`.
 */

import { Bug } from './faults.js';
import { type ColumnArray, type ColumnType, type OptionalArrays, type OptionalColumn, optionalColumns } from './flow-columns.js';

export type { OptionalColumn };

/** A further column that only one format has, by its printed name: numbers or texts, one a row. */
export type ExtraColumn = Float64Array<ArrayBuffer> | string[];

/** Whether a batch can hold a column of this name; columns of one format only, by their printed names, are no such. */
export function isFlowColumn(name: string): boolean {
  return fixedColumns.has(name) || Object.hasOwn(optionalColumns, name);
}
const fixedColumns: ReadonlySet<string> = new Set(
  'firstSeconds firstNanos lastSeconds lastNanos src dst family sport dport proto flags tos packets bytes inIf outIf srcAs dstAs number'.split(
    ' ',
  ),
);

/** Where the columns of a batch lie: makes a typed array of so many zeroes. */
export type Allot = <T extends ColumnArray>(type: ColumnType<T>, length: number) => T;
const own: Allot = (Type, length) => new Type(length);

/** An optional column that a batch has: `width` elements a row. */
export interface PresentColumn {
  readonly name: OptionalColumn;
  readonly column: ColumnArray;
  readonly width: number;
}

/** Rows that a reader puts into one batch unless it has a reason for another size. */
export const defaultBatchRows = 16384;

// The optional columns, all of them undefined at first.
const Optional = class {} as new () => OptionalArrays;

export class FlowBatch extends Optional {
  /** Rows in use, 0 .. capacity. */
  count = 0;
  readonly capacity: number;
  readonly firstSeconds: Uint32Array<ArrayBuffer>;
  readonly firstNanos: Uint32Array<ArrayBuffer>;
  readonly lastSeconds: Uint32Array<ArrayBuffer>;
  readonly lastNanos: Uint32Array<ArrayBuffer>;
  /** 16 bytes a row. */
  readonly src: Uint8Array<ArrayBuffer>;
  /** 16 bytes a row. */
  readonly dst: Uint8Array<ArrayBuffer>;
  /** 4, 6 or 0. */
  readonly family: Uint8Array<ArrayBuffer>;
  readonly sport: Uint16Array<ArrayBuffer>;
  readonly dport: Uint16Array<ArrayBuffer>;
  readonly proto: Uint8Array<ArrayBuffer>;
  readonly flags: Uint8Array<ArrayBuffer>;
  readonly tos: Uint8Array<ArrayBuffer>;
  readonly packets: Float64Array<ArrayBuffer>;
  /** Layer-3 bytes, as NetFlow counts. */
  readonly bytes: Float64Array<ArrayBuffer>;
  readonly inIf: Uint32Array<ArrayBuffer>;
  readonly outIf: Uint32Array<ArrayBuffer>;
  readonly srcAs: Uint32Array<ArrayBuffer>;
  readonly dstAs: Uint32Array<ArrayBuffer>;
  readonly number: Float64Array<ArrayBuffer>;
  /** Whether the reader left out the rows that do not pass the filter it was given. */
  isSelected = false;
  /** The input that the rows came from, and where: line (from 1) for texts, byte offset for binary files; 0 when unknown. */
  file = '';
  readonly place: Float64Array<ArrayBuffer>;
  /** The rows as they stood, only where the reader was asked to keep them. */
  originals?: string[];
  /** Columns that only some formats have, by printed name, in the order they are printed. */
  readonly extra = new Map<string, ExtraColumn>();
  readonly #allot: Allot;
  #present: PresentColumn[] = [];

  /** A batch of `capacity` rows with the optional columns named; all zero. `allot` lets the columns lie in a kernel's memory. */
  constructor(capacity: number, optional: readonly OptionalColumn[] = [], allot: Allot = own) {
    super();
    this.capacity = capacity;
    this.#allot = allot;
    this.firstSeconds = allot(Uint32Array, capacity);
    this.firstNanos = allot(Uint32Array, capacity);
    this.lastSeconds = allot(Uint32Array, capacity);
    this.lastNanos = allot(Uint32Array, capacity);
    this.src = allot(Uint8Array, capacity * 16);
    this.dst = allot(Uint8Array, capacity * 16);
    this.family = allot(Uint8Array, capacity);
    this.sport = allot(Uint16Array, capacity);
    this.dport = allot(Uint16Array, capacity);
    this.proto = allot(Uint8Array, capacity);
    this.flags = allot(Uint8Array, capacity);
    this.tos = allot(Uint8Array, capacity);
    this.packets = allot(Float64Array, capacity);
    this.bytes = allot(Float64Array, capacity);
    this.inIf = allot(Uint32Array, capacity);
    this.outIf = allot(Uint32Array, capacity);
    this.srcAs = allot(Uint32Array, capacity);
    this.dstAs = allot(Uint32Array, capacity);
    this.number = allot(Float64Array, capacity);
    this.place = allot(Float64Array, capacity);
    for (const name of optional) this.add(name);
  }

  /** Whether the optional column is there. */
  has(name: OptionalColumn): boolean {
    return this[name] !== undefined;
  }

  /** Makes an optional column (all zero) unless it is there. */
  add(name: OptionalColumn): void {
    if (this.has(name)) return;
    const { Type, width } = optionalColumns[name];
    this.put({ name, column: this.#allot(Type as ColumnType<ColumnArray>, this.capacity * width), width });
  }

  /** Puts a column that was taken away back, behind the others. */
  put(present: PresentColumn): void {
    Object.assign(this, { [present.name]: present.column });
    this.#present = [...this.#present, present];
  }

  /** Takes an optional column away. */
  drop(name: OptionalColumn): void {
    // Not deleted: an object that loses properties is slow from then on.
    Object.assign(this, { [name]: undefined });
    this.#present = this.#present.filter((present) => present.name !== name);
  }

  /** The optional columns that are there. */
  present(): readonly PresentColumn[] {
    return this.#present;
  }

  /** Whether row `index` carries a reverse direction. */
  isBiflow(index: number): boolean {
    return this.packetsRev !== undefined && (this.packetsRev[index] ?? 0) > 0;
  }

  /** Keeps the rows whose index `keep` lists (ascending), in place; sets `count`. `names`: only these columns are looked at from now on. */
  select(keep: Uint32Array, keepCount: number, names?: readonly string[]): void {
    if (keepCount > this.count) throw new Bug(`select: ${keepCount} of ${this.count} rows`);
    if (keepCount === this.count || keepCount === 0) {
      this.count = keepCount;
      return;
    }
    for (const column of names === undefined ? this.columns() : this.named(names)) {
      gather(column, column.length / this.capacity, keep, keepCount);
    }
    if (names !== undefined) {
      this.count = keepCount;
      return;
    }
    for (const column of this.extra.values()) for (let to = 0; to < keepCount; to++) column[to] = column[keep[to]!]!;
    if (this.originals !== undefined) for (let to = 0; to < keepCount; to++) this.originals[to] = this.originals[keep[to]!] ?? '';
    this.count = keepCount;
  }

  /** A batch of this row alone, with its columns of numbers and addresses. */
  alone(row: number): FlowBatch {
    const one = new FlowBatch(
      1,
      this.#present.map(({ name }) => name),
    );
    for (const [name, column] of Object.entries(one)) {
      if (!ArrayBuffer.isView(column)) continue;
      const width = (column as ColumnArray).length;
      (column as ColumnArray).set((this[name as 'packets'] as ColumnArray).subarray(row * width, (row + 1) * width));
    }
    one.count = 1;
    return one;
  }

  private *named(names: readonly string[]): Generator<ColumnArray> {
    for (const name of names) {
      const column = this[name as 'packets'] as ColumnArray | undefined;
      if (column !== undefined) yield column;
    }
  }

  private *columns(): Generator<ColumnArray> {
    for (const value of Object.values(this)) if (ArrayBuffer.isView(value)) yield value as ColumnArray;
  }
}

/** Moves the values of the rows that `keep` lists to the front; wide ones (addresses) by words. */
function gather(column: ColumnArray, width: number, keep: Uint32Array, keepCount: number): void {
  if (width === 1) {
    for (let to = 0; to < keepCount; to++) column[to] = column[keep[to]!]!;
    return;
  }
  const rowBytes = width * column.BYTES_PER_ELEMENT;
  const isWords = rowBytes % 4 === 0 && column.byteOffset % 4 === 0;
  const values = isWords ? new Uint32Array(column.buffer, column.byteOffset, column.byteLength >> 2) : column;
  const step = isWords ? rowBytes >> 2 : width;
  for (let row = 0; row < keepCount; row++) {
    let [to, from] = [row * step, keep[row]! * step];
    for (const end = to + step; to < end; to++, from++) values[to] = values[from]!;
  }
}

/** Causes why a row is unreadable (every command rejects it). */
export type UnreadableCause = 'columns' | 'number' | 'time' | 'address' | 'family' | 'port' | 'icmp' | 'range';
