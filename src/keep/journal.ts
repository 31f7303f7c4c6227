/**
 * The journal's values: what one commit brought, so that open cells are found again after a stop. Little-endian; a value that reads wrong is Corrupt.
 *
 *   +-------------+-----------+---------------+------------------------------------------------------------------------------------+
 *   | plain u32 p | full u32 f | parts u32 (n) | now f64 | p+f series ids u32, pad | slots f64 | lastAts f64 | p values f64 | f x 5 f64 | parts |
 *   +-------------+-----------+---------------+------------------------------------------------------------------------------------+
 *   plain: one event, count 1, sum = min = max = last = value.  full: count, sum, min, max, last.   slots and lastAts: 1 value when the p+f are all
 *   the same (flag in the high bits of parts), else p+f.    A part: kind u8, series id u32, slot f64, size u32, bytes.
 */

import { Corrupt } from '../base/faults.js';
import type { CellKind, CellPart, MeasureColumns } from './store.js';

export const partKinds: readonly CellKind[] = ['measure', 'state', 'histogram', 'distinct', 'tally'];

export interface JournalSink {
  readonly cell: (series: number, slot: number, lastAt: number, count: number, sum: number, min: number, max: number, last: number) => void;
  readonly part: (kind: Exclude<CellKind, 'measure'>, series: number, slot: number, bytes: Uint8Array) => void;
}

const sameSlot = 0x80000000;
const sameLastAt = 0x40000000;
const headBytes = 24;

/** The value of a commit. `ids[i]` is the series of cell i, or -1 where it is left out. */
export function encodeJournal(
  measures: MeasureColumns | undefined,
  ids: Int32Array,
  parts: readonly CellPart[],
  partIds: readonly number[],
  now: number,
): Uint8Array {
  const plain: number[] = [];
  const full: number[] = [];
  for (let at = 0; measures !== undefined && at < measures.count; at++) {
    if (ids[at] === -1) continue;
    const last = measures.lasts[at];
    const isPlain = measures.counts[at] === 1 && measures.sums[at] === last && measures.mins[at] === last && measures.maxs[at] === last;
    (isPlain ? plain : full).push(at);
  }
  const order = full.length === 0 ? plain : plain.concat(full);
  const count = order.length;
  const slots = columnOf(order, measures?.slot);
  const lastAts = columnOf(order, measures?.lastAts);
  const partsBytes = parts.reduce((sum, part) => sum + 17 + part.bytes.length, 0);
  const idBytes = (4 * count + 7) & ~7;
  const size = headBytes + idBytes + 8 * (slots.length + lastAts.length + plain.length + 5 * full.length) + partsBytes;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, plain.length, true);
  view.setUint32(4, full.length, true);
  view.setUint32(8, (parts.length | (slots.length === 1 ? sameSlot : 0) | (lastAts.length === 1 ? sameLastAt : 0)) >>> 0, true);
  view.setFloat64(16, now, true);
  const series = new Uint32Array(bytes.buffer, headBytes, count);
  for (let at = 0; at < count; at++) series[at] = ids[order[at]!]!;
  let at = headBytes + idBytes;
  new Float64Array(bytes.buffer, at, slots.length).set(slots);
  at += 8 * slots.length;
  new Float64Array(bytes.buffer, at, lastAts.length).set(lastAts);
  at += 8 * lastAts.length;
  const values = new Float64Array(bytes.buffer, at, plain.length + 5 * full.length);
  let to = 0;
  for (const from of plain) values[to++] = measures!.lasts[from]!;
  for (const from of full) {
    values[to++] = measures!.counts[from]!;
    values[to++] = measures!.sums[from]!;
    values[to++] = measures!.mins[from]!;
    values[to++] = measures!.maxs[from]!;
    values[to++] = measures!.lasts[from]!;
  }
  at += 8 * values.length;
  for (const [index, part] of parts.entries()) {
    view.setUint8(at, partKinds.indexOf(part.kind));
    view.setUint32(at + 1, partIds[index]!, true);
    view.setFloat64(at + 5, part.slot, true);
    view.setUint32(at + 13, part.bytes.length, true);
    bytes.set(part.bytes, at + 17);
    at += 17 + part.bytes.length;
  }
  return bytes;
}

/** Hands over what a value holds; returns the clock of the commit. */
export function decodeJournal(bytes: Uint8Array, sink: JournalSink): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headBytes) throw new Corrupt('a journal entry ends early');
  const plain = view.getUint32(0, true);
  const full = view.getUint32(4, true);
  const word = view.getUint32(8, true);
  const count = plain + full;
  const slotCount = (word & sameSlot) !== 0 ? 1 : count;
  const lastAtCount = (word & sameLastAt) !== 0 ? 1 : count;
  const slotsAt = headBytes + ((4 * count + 7) & ~7);
  const lastAtsAt = slotsAt + 8 * slotCount;
  const valuesAt = lastAtsAt + 8 * lastAtCount;
  let at = valuesAt + 8 * (plain + 5 * full);
  if (at > bytes.length) throw new Corrupt('a journal entry ends early');
  for (let index = 0; index < count; index++) {
    const series = view.getUint32(headBytes + 4 * index, true);
    const slot = view.getFloat64(slotsAt + (slotCount === 1 ? 0 : 8 * index), true);
    const lastAt = view.getFloat64(lastAtsAt + (lastAtCount === 1 ? 0 : 8 * index), true);
    if (index < plain) {
      const value = view.getFloat64(valuesAt + 8 * index, true);
      sink.cell(series, slot, lastAt, 1, value, value, value, value);
    } else {
      const from = valuesAt + 8 * (plain + 5 * (index - plain));
      const field = (number: number): number => view.getFloat64(from + 8 * number, true);
      sink.cell(series, slot, lastAt, field(0), field(1), field(2), field(3), field(4));
    }
  }
  for (let left = word & 0x3fffffff; left > 0; left--) {
    const kind = partKinds[view.getUint8(at)] as Exclude<CellKind, 'measure'>;
    const size = view.getUint32(at + 13, true);
    if (at + 17 + size > bytes.length) throw new Corrupt('a journal entry ends early');
    sink.part(kind, view.getUint32(at + 1, true), view.getFloat64(at + 5, true), bytes.slice(at + 17, at + 17 + size));
    at += 17 + size;
  }
  return view.getFloat64(16, true);
}

// The values in order; just one when all are the same.
function columnOf(order: readonly number[], column: Float64Array | undefined): Float64Array {
  if (column === undefined || order.length === 0) return new Float64Array(0);
  const first = column[order[0]!]!;
  if (order.every((at) => column[at] === first)) return Float64Array.of(first);
  return Float64Array.from(order, (at) => column[at]!);
}
