/**
 * A block: the state cells of one series on one step, for 60 slots, a column a field.
 *
 *   +----------+----------+---------+-----------------------+----------------------------------------------------------------+
 *   | flags u8 | first u8 | span u8 | presence, span/8 bytes | columns                                                        |
 *   +----------+----------+---------+-----------------------+----------------------------------------------------------------+
 *   flags  1 whole: one value held all through each cell: column last          2 dense: no presence bitmap, all of [first, first+span) hold a cell
 *          4 nothing is unknown, and no column says so                        8 no cell knows anything: column unknownMs alone
 *          else: knownMs, unknownMs, integral, min, max, last, end of slot - lastAt
 */

import { Corrupt } from '../base/faults.js';
import { copyState, isEmptyState, type States, zeroStates } from '../fold/state.js';
import { columnSizeMax, readColumn, writeColumn } from './column.js';

export const blockSlots = 60;

const packed = zeroStates(blockSlots);
const scratch = new Uint8Array(3 + 8 + 7 * columnSizeMax(blockSlots));

/** The bytes of a block that begins at `start`, epoch seconds; undefined when no slot holds a cell. They are overwritten by the next call. */
export function encodeBlock(cells: States, start: number, stepSeconds: number): Uint8Array | undefined {
  let first = 0;
  while (first < blockSlots && isEmptyState(cells, first)) first++;
  if (first === blockSlots) return undefined;
  let end = blockSlots;
  while (isEmptyState(cells, end - 1)) end--;
  const stepMs = stepSeconds * 1000;
  let count = 0;
  let [whole, noneUnknown, noneKnown] = [true, true, true];
  for (let slot = first; slot < end; slot++) {
    if (isEmptyState(cells, slot)) continue;
    copyState(packed, count, cells, slot);
    const [known, last] = [packed.knownMs[count]!, packed.lasts[count]!];
    if (packed.unknownMs[count] !== 0) noneUnknown = false;
    if (known !== 0) noneKnown = false;
    packed.lastAts[count] = known === 0 ? 0 : (start + (slot + 1) * stepSeconds) * 1000 - packed.lastAts[count]!;
    if (known === 0) for (const field of ['integrals', 'mins', 'maxs', 'lasts'] as const) packed[field][count] = 0;
    const isWhole = known === stepMs && packed.integrals[count] === last * stepMs && packed.lastAts[count] === 0;
    if (!isWhole || packed.mins[count] !== last || packed.maxs[count] !== last) whole = false;
    count++;
  }
  const dense = count === end - first;
  whole &&= noneUnknown;
  scratch[0] = (whole ? 1 : 0) | (dense ? 2 : 0) | (noneUnknown ? 4 : 0) | (noneKnown ? 8 : 0);
  scratch[1] = first;
  scratch[2] = end - first;
  let at = 3;
  if (!dense) {
    const size = (end - first + 7) >> 3;
    scratch.fill(0, at, at + size);
    for (let slot = first; slot < end; slot++)
      if (!isEmptyState(cells, slot)) scratch[at + ((slot - first) >> 3)]! |= 1 << ((slot - first) & 7);
    at += size;
  }
  for (const field of columnsOf(scratch[0])) at = writeColumn(scratch, at, packed[field], count);
  return scratch.subarray(0, at);
}

/** Reads a block into 60 cells that are all empty. Throws Corrupt. */
export function decodeBlock(bytes: Uint8Array, cells: States, start: number, stepSeconds: number): void {
  const [flags, first, span] = [bytes[0]!, bytes[1]!, bytes[2]!];
  if (bytes.length < 5 || flags > 15 || span === 0 || first + span > blockSlots)
    throw new Corrupt(`a block of ${bytes.length} bytes has a wrong head`);
  const dense = (flags & 2) !== 0;
  let at = 3 + (dense ? 0 : (span + 7) >> 3);
  let count = 0;
  for (let slot = 0; slot < span; slot++) if (dense || bytes[3 + (slot >> 3)]! & (1 << (slot & 7))) count++;
  for (const field of columnsOf(flags)) at = readColumn(bytes, at, packed[field], count);
  if (flags & 4) packed.unknownMs.fill(0, 0, count);
  if (flags & 8) packed.knownMs.fill(0, 0, count);
  if (flags & 1) fillWhole(count, stepSeconds * 1000);
  for (let slot = 0, from = 0; slot < span; slot++) {
    if (!dense && !(bytes[3 + (slot >> 3)]! & (1 << (slot & 7)))) continue;
    const to = first + slot;
    copyState(cells, to, packed, from);
    cells.lastAts[to] = (start + (to + 1) * stepSeconds) * 1000 - packed.lastAts[from++]!;
  }
}

type Field = keyof States;
const known: readonly Field[] = ['knownMs', 'integrals', 'mins', 'maxs', 'lasts', 'lastAts'];

function columnsOf(flags: number): readonly Field[] {
  if (flags & 1) return ['lasts'];
  if (flags & 8) return ['unknownMs'];
  return flags & 4 ? known : [...known, 'unknownMs'];
}

function fillWhole(count: number, stepMs: number): void {
  packed.knownMs.fill(stepMs, 0, count);
  packed.lastAts.fill(0, 0, count);
  for (let at = 0; at < count; at++) {
    const last = packed.lasts[at]!;
    packed.integrals[at] = last * stepMs;
    packed.mins[at] = last;
    packed.maxs[at] = last;
  }
}
