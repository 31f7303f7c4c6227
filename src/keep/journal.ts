/**
 * The journal's values: what one commit brought, so that open cells are found again after a stop. Little-endian; a value that reads wrong is Corrupt.
 *
 *   +---------+--------+---------+-----------+---------+------------+-----------+-------------+--------------+--------------+---------------+-------+
 *   | p u32   | f u32  | n u32   | flags u32 | now f64 | p+f ids u32 | slots u32 | lastAts u32 | to 8 bytes   | p values f64 | f x 5 f64     | parts |
 *   +---------+--------+---------+-----------+---------+------------+-----------+-------------+--------------+--------------+---------------+-------+
 *   p plain cells: one event, count 1, sum = min = max = last = value.  f full ones: count, sum, min, max, last.  n parts: kind u8, series id u32,
 *   slot f64, size u32, bytes; a part of kind state holds all states of the commit (open-states.ts).  Flags: 1 one slot for all, 2 one lastAt for all, 4 every lastAt is its slot (none is kept); else p+f of them.
 */

import { Corrupt } from '../base/faults.js';
import type { CellKind, MeasureColumns } from './store.js';

export const partKinds: readonly CellKind[] = ['measure', 'state', 'histogram', 'distinct', 'tally'];

/** A part as it is journaled: bytes of a cell, or all states of the commit. */
export interface JournalPart {
  readonly kind: Exclude<CellKind, 'measure'>;
  readonly slot: number;
  readonly bytes: Uint8Array;
}

export interface JournalSink {
  readonly cell: (series: number, slot: number, lastAt: number, count: number, sum: number, min: number, max: number, last: number) => void;
  readonly part: (kind: Exclude<CellKind, 'measure'>, series: number, slot: number, bytes: Uint8Array) => void;
}

const sameSlot = 1;
const sameLastAt = 2;
const lastAtIsSlot = 4;
const headBytes = 24;

/** The value of a commit. `ids[i]` is the series of cell i, or -1 where it is left out. */
export function encodeJournal(
  measures: MeasureColumns | undefined,
  ids: Int32Array,
  parts: readonly JournalPart[],
  partIds: readonly number[],
  now: number,
): Uint8Array {
  const { plain, full, flags } = surveyOf(measures, ids);
  const count = plain + full;
  const slotCount = (flags & sameSlot) !== 0 ? Math.min(1, count) : count;
  const lastAtCount = (flags & lastAtIsSlot) !== 0 ? 0 : (flags & sameLastAt) !== 0 ? Math.min(1, count) : count;
  const partsBytes = parts.reduce((sum, part) => sum + 17 + part.bytes.length, 0);
  const valuesAt = (headBytes + 4 * (count + slotCount + lastAtCount) + 7) & ~7;
  let at = valuesAt + 8 * (plain + 5 * full);
  const bytes = new Uint8Array(at + partsBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, plain, true);
  view.setUint32(4, full, true);
  view.setUint32(8, parts.length, true);
  view.setUint32(12, flags, true);
  view.setFloat64(16, now, true);
  if (measures !== undefined && count > 0) {
    fillColumns(
      measures,
      ids,
      plain,
      new Uint32Array(bytes.buffer, headBytes, count),
      new Uint32Array(bytes.buffer, headBytes + 4 * count, slotCount),
      new Uint32Array(bytes.buffer, headBytes + 4 * (count + slotCount), lastAtCount),
      new Float64Array(bytes.buffer, valuesAt, plain + 5 * full),
    );
  }
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
  const flags = view.getUint32(12, true);
  const count = plain + full;
  const slotStride = (flags & sameSlot) !== 0 ? 0 : 4;
  const lastAtStride = (flags & sameLastAt) !== 0 ? 0 : 4;
  const slotsAt = headBytes + 4 * count;
  const lastAtsAt = slotsAt + 4 * (slotStride === 0 ? Math.min(1, count) : count);
  const lastAtCount = (flags & lastAtIsSlot) !== 0 ? 0 : lastAtStride === 0 ? Math.min(1, count) : count;
  const valuesAt = (lastAtsAt + 4 * lastAtCount + 7) & ~7;
  let at = valuesAt + 8 * (plain + 5 * full);
  if (at > bytes.length) throw new Corrupt('a journal entry ends early');
  for (let index = 0; index < count; index++) {
    const series = view.getUint32(headBytes + 4 * index, true);
    const slot = view.getUint32(slotsAt + slotStride * index, true);
    const lastAt = lastAtCount === 0 ? slot : view.getUint32(lastAtsAt + lastAtStride * index, true);
    if (index < plain) {
      const value = view.getFloat64(valuesAt + 8 * index, true);
      sink.cell(series, slot, lastAt, 1, value, value, value, value);
    } else {
      const from = valuesAt + 8 * (plain + 5 * (index - plain));
      const field = (number: number): number => view.getFloat64(from + 8 * number, true);
      sink.cell(series, slot, lastAt, field(0), field(1), field(2), field(3), field(4));
    }
  }
  for (let left = view.getUint32(8, true); left > 0; left--) {
    const kind = partKinds[view.getUint8(at)] as Exclude<CellKind, 'measure'>;
    const size = view.getUint32(at + 13, true);
    if (at + 17 + size > bytes.length) throw new Corrupt('a journal entry ends early');
    sink.part(kind, view.getUint32(at + 1, true), view.getFloat64(at + 5, true), bytes.slice(at + 17, at + 17 + size));
    at += 17 + size;
  }
  return view.getFloat64(16, true);
}

interface Survey {
  readonly plain: number;
  readonly full: number;
  readonly flags: number;
}

function surveyOf(measures: MeasureColumns | undefined, ids: Int32Array): Survey {
  let plain = 0;
  let full = 0;
  let flags = sameSlot | sameLastAt | lastAtIsSlot;
  if (measures === undefined) return { plain, full, flags };
  const { slot, lastAts } = measures;
  let first = -1;
  for (let at = 0; at < measures.count; at++) {
    if (ids[at] === -1) continue;
    if (first < 0) first = at;
    if (slot[at] !== slot[first]) flags &= ~sameSlot;
    if (lastAts[at] !== lastAts[first]) flags &= ~sameLastAt;
    if (lastAts[at] !== slot[at]) flags &= ~lastAtIsSlot;
    if (isPlain(measures, at)) plain++;
    else full++;
  }
  return { plain, full, flags };
}

function isPlain({ counts, sums, mins, maxs, lasts }: MeasureColumns, at: number): boolean {
  const last = lasts[at];
  return counts[at] === 1 && sums[at] === last && mins[at] === last && maxs[at] === last;
}

// Plain cells from the front, full ones behind them, each in the order in which they came.
function fillColumns(
  measures: MeasureColumns,
  ids: Int32Array,
  plain: number,
  series: Uint32Array,
  slots: Uint32Array,
  lastAts: Uint32Array,
  values: Float64Array,
): void {
  let plainTo = 0;
  let fullTo = plain;
  let valueTo = plain;
  const [allSlots, allLastAts] = [slots.length === series.length, lastAts.length === series.length];
  for (let at = 0; at < measures.count; at++) {
    const id = ids[at]!;
    if (id === -1) continue;
    const isOne = isPlain(measures, at);
    const to = isOne ? plainTo++ : fullTo++;
    series[to] = id;
    if (allSlots) slots[to] = measures.slot[at]!;
    else slots[0] = measures.slot[at]!;
    if (allLastAts) lastAts[to] = measures.lastAts[at]!;
    else if (lastAts.length > 0) lastAts[0] = measures.lastAts[at]!;
    if (isOne) values[to] = measures.lasts[at]!;
    else {
      values[valueTo++] = measures.counts[at]!;
      values[valueTo++] = measures.sums[at]!;
      values[valueTo++] = measures.mins[at]!;
      values[valueTo++] = measures.maxs[at]!;
      values[valueTo++] = measures.lasts[at]!;
    }
  }
}
