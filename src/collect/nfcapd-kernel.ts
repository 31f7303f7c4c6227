/**
 * Drives the kernels that unpack nfcapd blocks and read their records into columns (`base/lz4.as.ts`, `base/lzo.as.ts`, `nfcapd-records.as.ts`).
 * All three share one memory, in which the columns of the batch lie too, so that from the file to the columns nothing is copied twice:
 *
 *     0 | 64 KiB constants, table of columns | columns of the batch | packed block | block unpacked, and room for copies beyond its end |
 *
 * A kernel is lent for one file and used again for the next: what its batch holds is gone when the next batch is asked for.
 */

import { BlockCodecs, type Codec, kernelIn, slackBytes } from '../base/block-codecs.js';
import { type Allot, defaultBatchRows, FlowBatch, type PresentColumn } from '../base/flow-batch.js';
import { type OptionalColumn, optionalColumns, optionalNames } from '../base/flow-columns.js';
import type { Filter } from './filter.js';
import type { ReadOptions } from './format.js';
import { elementFields, extensions, type Field, type FieldForm, formBytes } from './nfcapd-elements.js';
import { clearRow } from './nfcapd-fields.js';
import { readOldRecords } from './nfcapd-old-records.js';
import { flowRecord, nfcapdColumns, readRecords } from './nfcapd-records.js';
import { NfcapdScan, programOf } from './nfcapd-scan.js';
import { exportersMax, type NfcapdState } from './nfcapd-state.js';

interface Exports {
  fill(columns: number, at: number, end: number, row: number, capacity: number): number;
  rowCount(): number;
  stoppedHard(): number;
  neededColumn(): number;
}

const pageBytes = 65536;
const tableAt = 32768;

/** Columns that every batch has, in the order of the kernel's table. */
const steadyColumns = [
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
  'received',
] as const satisfies readonly (keyof FlowBatch)[];
/** Columns that a batch gets when a record has a value for them. */
const laterColumns: readonly OptionalColumn[] = [
  'sampling',
  ...optionalNames.filter((name) => name !== 'sampling' && !(nfcapdColumns as readonly string[]).includes(name)),
];
const columnOrder: readonly (keyof FlowBatch)[] = [...steadyColumns, ...laterColumns];
/** Places of the other tables beside that of columns: the same as in the kernel. */
const [exporterIdPlace, forwardingPlace, flowCountPlace, exportersPlace, ratesPlace, mapsPlace, fieldsPlace, extensionsPlace] = [
  996, 1000, 1004, 1008, 1012, 1016, 1024, 8192,
];
/** Maps of layout 1 have ids below this; so many extension ids of all of them are held for the kernel. */
const [mapsMax, mapIdsMax] = [65536, 65536];
const formNumbers: Readonly<Partial<Record<FieldForm, number>>> = {
  u8: 1,
  'u32>u8': 1,
  u16: 2,
  'u32>u16': 2,
  u32: 3,
  u64: 4,
  ipv4: 5,
  ipv6: 6,
  time: 7,
  labels: 8,
  'u16>u32': 9,
  'u32>u64': 10,
};

const idle: NfcapdKernel[] = [];

export class NfcapdKernel {
  /** Its columns lie in the kernel's memory. */
  readonly batch: FlowBatch;
  /** Where a packed block is put. */
  readonly packed: Uint8Array;
  /** Where a block is unpacked to, or put if it is not packed. */
  readonly unpacked: Uint8Array;
  /** Addresses (16 bytes) and sampling rates of exporters, by their ids. */
  readonly exporters: Uint8Array;
  readonly rates: Uint32Array;
  /** Flows that the last reading in part took, those that the filter left out included. */
  seen = 0;
  /** The memory, and the kernels in it, each from the first file on that needs it. */
  readonly #memory: WebAssembly.Memory;
  readonly #tablesAt: number;
  #heldKernel: Exports | undefined;
  #heldScan: NfcapdScan | undefined;
  /** Whether only what is looked at is read, and the filter of those rows. */
  isPartial = false;
  #filter: Filter | undefined;
  /** The optional columns of its own batch, and those of them that are of the other direction. */
  readonly #own: readonly PresentColumn[];
  readonly #reverse: readonly PresentColumn[];
  #heldOld: Exports | undefined;
  readonly #maps: Uint32Array;
  readonly #mapIds: Uint16Array;
  #mapIdsAt = 0;
  readonly #codecs: BlockCodecs;
  readonly #table: Uint32Array;
  readonly #laterAt: number;
  #freeAt: number;

  /** A kernel for blocks of at most `blockBytes`, packed or not. */
  static lend(blockBytes: number): NfcapdKernel {
    const found = idle.findIndex((kernel) => kernel.unpacked.length >= blockBytes);
    return (found >= 0 ? idle.splice(found, 1)[0] : undefined) ?? new NfcapdKernel(blockBytes);
  }

  /** Gives it back. */
  giveBack(): void {
    this.clear(this.batch.capacity);
    for (const { name } of this.batch.present()) this.batch.drop(name);
    for (const present of this.#own) this.batch.put(present);
    this.batch.isSelected = false;
    this.isPartial = false;
    this.#filter = undefined;
    this.batch.extra.clear();
    this.#noteColumns();
    this.#freeAt = this.#laterAt;
    if (this.#mapIdsAt > 0) this.#maps.fill(0);
    this.#mapIdsAt = 0;
    if (idle.length < 2) idle.push(this);
  }

  private constructor(blockBytes: number) {
    const laterBytes = laterColumns.reduce(
      (sum, name) => sum + optionalColumns[name].width * optionalColumns[name].Type.BYTES_PER_ELEMENT,
      0,
    );
    const size =
      pageBytes +
      defaultBatchRows * (248 + laterBytes) +
      exportersMax * 20 +
      mapsMax * 4 +
      mapIdsMax * 2 +
      BlockCodecs.scratchBytes +
      NfcapdScan.bytes +
      2 * (blockBytes + slackBytes);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / pageBytes) + 1 });
    this.#freeAt = pageBytes;
    const allot: Allot = (Type, length) => {
      const column = new Type(memory.buffer, this.#freeAt, length);
      this.#freeAt += Math.ceil((length * Type.BYTES_PER_ELEMENT) / 16) * 16;
      return column;
    };
    this.exporters = allot(Uint8Array, exportersMax * 16);
    this.rates = allot(Uint32Array, exportersMax);
    this.#maps = allot(Uint32Array, mapsMax);
    this.#mapIds = allot(Uint16Array, mapIdsMax);
    const scratch = allot(Uint8Array, BlockCodecs.scratchBytes);
    const tables = allot(Uint8Array, NfcapdScan.bytes);
    this.packed = allot(Uint8Array, blockBytes + slackBytes);
    this.unpacked = allot(Uint8Array, blockBytes + slackBytes).subarray(0, blockBytes);
    this.batch = new FlowBatch(defaultBatchRows, nfcapdColumns, allot);
    this.#laterAt = this.#freeAt;
    this.#own = this.batch.present();
    this.#reverse = this.#own.filter(({ name }) => name === 'packetsRev' || name === 'bytesRev');
    this.#table = new Uint32Array(memory.buffer, tableAt, pageBytes / 8);
    this.#fillTables();
    this.#codecs = new BlockCodecs(memory, scratch.byteOffset);
    this.#memory = memory;
    this.#tablesAt = tables.byteOffset;
  }

  get #kernel(): Exports {
    this.#heldKernel ??= kernelIn(this.#memory, new URL('nfcapd-records.wasm', import.meta.url)) as unknown as Exports;
    return this.#heldKernel;
  }

  get #old(): Exports {
    this.#heldOld ??= kernelIn(this.#memory, new URL('nfcapd-old-records.wasm', import.meta.url)) as unknown as Exports;
    return this.#heldOld;
  }

  get #scan(): NfcapdScan {
    this.#heldScan ??= new NfcapdScan(this.#memory, this.#tablesAt);
    return this.#heldScan;
  }

  #fillTables(): void {
    this.#noteColumns();
    this.#table[exportersPlace / 4] = this.exporters.byteOffset;
    this.#table[ratesPlace / 4] = this.rates.byteOffset;
    this.#table[mapsPlace / 4] = this.#maps.byteOffset;
    this.#table[flowCountPlace / 4] = columnOrder.indexOf('flowCount') * 4;
    this.#table[forwardingPlace / 4] = columnOrder.indexOf('forwarding') * 4;
    this.#table[exporterIdPlace / 4] = columnOrder.indexOf('exporterId') * 4;
    const view = new DataView(this.#table.buffer, tableAt + fieldsPlace);
    let at = 64 * 4;
    for (const [type, fields] of Object.entries(elementFields)) {
      view.setUint32(Number(type) * 4, (fields.length << 16) | at, true);
      at = putFields(view, at, fields);
    }
    for (const [id, { size, fields }] of Object.entries(extensions)) {
      const place = (extensionsPlace + Number(id) * 8) / 4;
      this.#table[place] = (fields.length << 16) | at;
      this.#table[place + 1] = size;
      at = putFields(view, at, fields);
    }
  }

  #noteColumns(): void {
    columnOrder.forEach((name, index) => {
      this.#table[index] = (this.batch[name] as Uint8Array | undefined)?.byteOffset ?? 0;
    });
  }

  /** Takes the rows out; what only some records have is emptied. `count` is how many rows there were. */
  clear(count: number): void {
    this.batch.count = 0;
    for (const present of this.batch.present()) {
      const { name, column, width } = present;
      if (laterColumns.includes(name) || (this.isPartial && this.#reverse.includes(present))) column.fill(0, 0, count * width);
    }
    for (const column of this.batch.extra.values()) column.fill('' as never, 0, count);
  }

  /** Unpacks the first `size` bytes of `packed`; answers the size unpacked. Throws Malformed where the block is damaged. */
  unpack(codec: Codec, size: number): number {
    return this.#codecs.unpack(codec, this.packed.byteOffset, size, this.unpacked.byteOffset, this.unpacked.length);
  }

  /** Takes records of the first `size` unpacked bytes, from `offset` on, until the batch is full or the block ends; returns where to go on. */
  read(offset: number, size: number, state: NfcapdState): number {
    const { batch, unpacked } = this;
    if (this.isPartial) return this.#readPart(offset, size, state);
    const base = unpacked.byteOffset;
    let at = offset;
    while (at < size && batch.count < batch.capacity) {
      at = this.#kernel.fill(tableAt, base + at, base + size, batch.count, batch.capacity) - base;
      batch.count = this.#kernel.rowCount();
      if (this.#kernel.stoppedHard() === 0) continue;
      if (!this.#addColumn(this.#kernel.neededColumn())) at = readRecords(unpacked.subarray(0, size), at, batch, state, 1);
      this.#noteColumns();
    }
    return at;
  }

  /** From now on only what is looked at is read, where the options say what that is. */
  readPart({ wanted, rows }: ReadOptions): void {
    const program = rows?.wanted === undefined ? undefined : programOf(rows.filter);
    const parts = program === undefined ? wanted : rows?.wanted;
    this.isPartial = parts !== undefined;
    if (parts === undefined) return;
    this.#filter = program === undefined ? undefined : rows?.filter;
    this.batch.isSelected = program !== undefined;
    this.#scan.begin(parts, program);
    for (const { name } of this.#reverse) this.batch.drop(name);
    this.#noteColumns();
  }

  #readPart(offset: number, size: number, state: NfcapdState): number {
    const { batch, unpacked } = this;
    const base = unpacked.byteOffset;
    let at = offset;
    this.seen = 0;
    while (at < size && batch.count < batch.capacity) {
      at = this.#scan.scan(tableAt, base + at, base + size, batch.count, batch.capacity) - base;
      batch.count = this.#scan.rows;
      this.seen += this.#scan.seen;
      const { stopped } = this.#scan;
      if (stopped === undefined) continue;
      if (!this.#addColumn(stopped)) at = this.#readWhole(at, size, state);
      this.#noteColumns();
    }
    return at;
  }

  // A record by the reference, which fills all columns, and the filter on it.
  #readWhole(at: number, size: number, state: NfcapdState): number {
    const { batch } = this;
    const before = batch.count;
    if (this.unpacked[at] === flowRecord) this.#showReverse();
    const next = readRecords(this.unpacked.subarray(0, size), at, batch, state, 1);
    this.seen += batch.count - before;
    if (batch.count > before && this.#filter !== undefined && this.#filter(batch.alone(before), new Uint32Array(1)) === 0) {
      clearRow(batch, before);
      batch.count = before;
    }
    return next;
  }

  // Makes a column by its place in the table; false where it is none.
  #addColumn(place: number): boolean {
    const name = columnOrder[place / 4];
    if (name === undefined || place === 0) return false;
    if (name === 'packetsRev') this.#showReverse();
    else this.batch.add(name as OptionalColumn);
    return true;
  }

  // The counters of the other direction, which most files do not have, are there from the first flow that has some.
  #showReverse(): void {
    if (this.batch.packetsRev !== undefined) return;
    for (const present of this.#reverse) {
      present.column.fill(0);
      this.batch.put(present);
    }
  }

  /** As `read`, of layout 1. */
  readOld(offset: number, size: number, state: NfcapdState): number {
    const { batch, unpacked } = this;
    const base = unpacked.byteOffset;
    state.onMap = (id, ids) => this.#setMap(id, ids);
    let at = offset;
    while (at < size && batch.count < batch.capacity) {
      at = this.#old.fill(tableAt, base + at, base + size, batch.count, batch.capacity) - base;
      batch.count = this.#old.rowCount();
      if (this.#old.stoppedHard() === 0) continue;
      if (!this.#addColumn(this.#old.neededColumn())) at = readOldRecords(unpacked.subarray(0, size), at, batch, state, 1);
      this.#noteColumns();
    }
    return at;
  }

  // What does not fit is left to the reference.
  #setMap(id: number, ids: readonly number[]): void {
    const at = this.#mapIdsAt;
    if (at + ids.length + 1 > mapIdsMax) {
      this.#maps[id] = 0xffffffff;
      return;
    }
    this.#mapIds.set(ids, at);
    this.#mapIds[at + ids.length] = 0;
    this.#maps[id] = this.#mapIds.byteOffset + at * 2;
    this.#mapIdsAt = at + ids.length + 1;
  }
}

/** Writes fields as the kernels read them; answers where the next ones go. */
function putFields(view: DataView, at: number, fields: readonly Field[]): number {
  for (const { offset, form, column } of fields) {
    view.setUint16(at, offset, true);
    view.setUint8(at + 2, formNumbers[form] ?? 0);
    view.setUint8(at + 3, formBytes[form]);
    // A column of texts is left to the reference: place 0.
    view.setUint32(at + 4, formNumbers[form] === undefined ? 0 : columnOrder.indexOf(column as OptionalColumn) * 4, true);
    at += 8;
  }
  return at;
}
