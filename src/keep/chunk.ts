/**
 * A chunk: the measure cells of one series on one step, for 60 slots (up to a minute) or 144, a column a field.
 *
 *   +----------+----------+---------+-----------------------+----------------------------------------------+
 *   | flags u8 | first u8 | span u8 | presence, span/8 bytes | columns                                      |
 *   +----------+----------+---------+-----------------------+----------------------------------------------+
 *   flags  1 plain: every cell is one event: columns last, lastAt - slot      2 dense: no presence bitmap, all of [first, first+span) hold a cell
 *          4 filled is 1 everywhere and not stored                              else: count, sum, min, max, last, lastAt - slot, filled
 */

import { Corrupt } from '../base/faults.js';
import { type Measures, setMeasure, zeroMeasures } from '../fold/measure.js';
import { columnSizeMax, readColumn, writeColumn } from './column.js';

export const slotsMax = 144;

/** Slots that a chunk of a step holds: ten minutes of the usual ten seconds (what a fold brings), a day of ten minutes. */
export function chunkSlots(stepSeconds: number): number {
  return stepSeconds <= 60 ? 60 : slotsMax;
}

const packed = zeroMeasures(slotsMax);
const scratch = new Uint8Array(3 + slotsMax / 8 + 7 * columnSizeMax(slotsMax));

/** The bytes of a chunk that begins at `start`; undefined when no slot holds a cell. They are overwritten by the next call. */
export function encodeChunk(cells: Measures, slots: number, start: number, stepSeconds: number): Uint8Array | undefined {
  let first = 0;
  while (first < slots && cells.counts[first] === 0) first++;
  if (first === slots) return undefined;
  let end = slots;
  while (cells.counts[end - 1] === 0) end--;
  let count = 0;
  let plain = true;
  let single = true;
  for (let slot = first; slot < end; slot++) {
    if (cells.counts[slot] === 0) continue;
    const last = cells.lasts[slot]!;
    if (cells.counts[slot] !== 1 || cells.sums[slot] !== last || cells.mins[slot] !== last || cells.maxs[slot] !== last) plain = false;
    if (cells.filled[slot] !== 1) single = false;
    const lastAt = cells.lastAts[slot]! - start - slot * stepSeconds;
    setMeasure(
      packed,
      count++,
      cells.counts[slot]!,
      cells.sums[slot]!,
      cells.mins[slot]!,
      cells.maxs[slot]!,
      last,
      lastAt,
      cells.filled[slot]!,
    );
  }
  const dense = count === end - first;
  scratch[0] = (plain && single ? 1 : 0) | (dense ? 2 : 0) | (single ? 4 : 0);
  scratch[1] = first;
  scratch[2] = end - first;
  let at = 3;
  if (!dense) {
    const size = (end - first + 7) >> 3;
    scratch.fill(0, at, at + size);
    for (let slot = first; slot < end; slot++)
      if (cells.counts[slot] !== 0) scratch[at + ((slot - first) >> 3)]! |= 1 << ((slot - first) & 7);
    at += size;
  }
  const write = (column: Float64Array): void => {
    at = writeColumn(scratch, at, column, count);
  };
  if (!(plain && single)) [packed.counts, packed.sums, packed.mins, packed.maxs].forEach(write);
  write(packed.lasts);
  write(packed.lastAts);
  if (!single) write(packed.filled);
  return scratch.subarray(0, at);
}

/** Reads a chunk into cells that are all empty: `slots` of them, from `cell` on. Throws Corrupt. */
export function decodeChunk(bytes: Uint8Array, cells: Measures, slots: number, start: number, stepSeconds: number, cell = 0): void {
  const [flags, first, span] = [bytes[0]!, bytes[1]!, bytes[2]!];
  if (bytes.length < 5 || flags > 7 || span === 0 || first + span > slots)
    throw new Corrupt(`a chunk of ${bytes.length} bytes has a wrong head`);
  const dense = (flags & 2) !== 0;
  // What most chunks are: one event a slot, every slot.
  if (flags === 7) return decodePlain(bytes, cells, span, cell + first, start + first * stepSeconds, stepSeconds);
  let at = 3 + (dense ? 0 : (span + 7) >> 3);
  let count = 0;
  for (let slot = 0; slot < span; slot++) if (dense || bytes[3 + (slot >> 3)]! & (1 << (slot & 7))) count++;
  const read = (column: Float64Array): void => {
    at = readColumn(bytes, at, column, count);
  };
  const plain = (flags & 1) !== 0;
  if (!plain) [packed.counts, packed.sums, packed.mins, packed.maxs].forEach(read);
  read(packed.lasts);
  read(packed.lastAts);
  if ((flags & 4) === 0) read(packed.filled);
  const { counts, sums, mins, maxs, lasts, lastAts, filled } = packed;
  for (let slot = 0, from = 0; slot < span; slot++) {
    if (!dense && !(bytes[3 + (slot >> 3)]! & (1 << (slot & 7)))) continue;
    const to = cell + first + slot;
    const last = lasts[from]!;
    cells.counts[to] = plain ? 1 : counts[from]!;
    cells.sums[to] = plain ? last : sums[from]!;
    cells.mins[to] = plain ? last : mins[from]!;
    cells.maxs[to] = plain ? last : maxs[from]!;
    cells.lasts[to] = last;
    cells.lastAts[to] = lastAts[from]! + start + (first + slot) * stepSeconds;
    cells.filled[to] = (flags & 4) !== 0 ? 1 : filled[from]!;
    from++;
  }
}

function decodePlain(bytes: Uint8Array, cells: Measures, span: number, cell: number, start: number, stepSeconds: number): void {
  const { counts, sums, mins, maxs, lasts, lastAts, filled } = cells;
  const at = readColumn(bytes, 3, lasts, span, cell);
  readColumn(bytes, at, lastAts, span, cell);
  for (let slot = 0; slot < span; slot++) {
    const to = cell + slot;
    const last = lasts[to]!;
    counts[to] = 1;
    sums[to] = last;
    mins[to] = last;
    maxs[to] = last;
    lastAts[to] = lastAts[to]! + start + slot * stepSeconds;
    filled[to] = 1;
  }
}
